/* The statements of a scenario, and what each does to it. */
#include "parser.h"

/* each calls f for every device that the selector of word[1] means. */
static void each(struct parser *p, void (*f)(struct parser *, device *))
{
    struct selector who = selector(p, p->word[1]);
    for (int g = 0; g < p->sc->ngpus && !p->failed; g++) {
        device *d = p->sc->gpu[g];
        if (!(who.gpus >> g & 1)) continue;
        if (who.gi < 0) f(p, d);
        for (int i = 0; who.gi >= 0 && i < d->nmig; i++)
            if (selects(&who, &d->mig[i])) f(p, &d->mig[i]);
    }
}

static int find(const char *const *names, int n, const char *s)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], s) == 0) return i;
    return -1;
}

static const char *const reading_names[] = {
#define READING(name, value, supported) #name,
#include "tables.def"
#undef READING
};
static const char *const number_names[] = {
#define NUMBER(name, value) #name,
#include "tables.def"
#undef NUMBER
};
static const char *const text_names[] = {
#define TEXT(name, value) #name,
#include "tables.def"
#undef TEXT
};

static struct timeline *line_of(struct parser *p, device *d)
{
    int r = find(reading_names, READINGS, p->word[2]);
    if (r < 0) fail(p, "%s: no such reading", p->word[2]);
    if (r >= 0) d->line[r].supported = true;
    return &d->line[r < 0 ? 0 : r];
}

static void set_value(struct parser *p, device *d) { line_of(p, d)->base = integer(p, p->word[3]); }

static void add_step(struct parser *p, device *d)
{
    timeline_step(line_of(p, d), duration(p, p->word[3]), integer(p, p->word[4]));
}

static void add_burst(struct parser *p, device *d)
{
    timeline_burst(line_of(p, d), duration(p, p->word[3]), positive(p, p->word[4]), integer(p, p->word[5]), p->line);
}

static void add_train(struct parser *p, device *d)
{
    struct timeline *l = line_of(p, d);
    int64_t from = duration(p, p->word[3]), to = duration(p, p->word[4]);
    int64_t every = positive(p, p->word[5]), width = positive(p, p->word[6]), v = integer(p, p->word[7]);
    if (width > every) fail(p, "bursts of %s every %s overlap", p->word[6], p->word[5]);
    if (to == NEVER || (to - from) / every > 4000000) fail(p, "too many bursts: let the time line loop instead");
    for (int64_t t = from; t < to && !p->failed; t += every) timeline_burst(l, t, width, v, p->line);
}

static void set_loop(struct parser *p, device *d)
{
    struct timeline *l = line_of(p, d);
    l->loop = positive(p, p->word[3]);
    l->loop_line = p->line;
}

static void set_fact(struct parser *p, device *d)
{
    int i = find(number_names, NUMBERS, p->word[2]);
    if (i >= 0) {
        d->number[i] = strcmp(p->word[3], "none") == 0 ? -1 : integer(p, p->word[3]);
    } else if ((i = find(text_names, TEXTS, p->word[2])) >= 0) {
        free(d->text[i]);
        d->text[i] = strdup(p->rest);
    } else {
        fail(p, "%s: no such fact", p->word[2]);
    }
}

static void set_ring(struct parser *p, device *d)
{
    int64_t type = integer(p, p->word[2]);
    if (type < 0 || type >= NVML_SAMPLINGTYPE_COUNT) {
        fail(p, "%s: not a sample type from 0 to %d", p->word[2], NVML_SAMPLINGTYPE_COUNT - 1);
        return;
    }
    struct ring *r = &d->ring[type];
    r->off = false;
    d->line[r->reading].supported = true;
    for (int i = 3; i < p->n && !p->failed; i++) {
        const char *key = p->word[i], *arg = i + 1 < p->n ? p->word[i + 1] : "";
        if (strcmp(key, "mean") == 0) r->mean = true;
        else if (strcmp(key, "instant") == 0) r->mean = false;
        else if (strcmp(key, "epoch") == 0) r->epoch = true;
        else if (strcmp(key, "boot") == 0) r->epoch = false;
        else if (strcmp(key, "zeroed") == 0) r->zeroed = true;
        else if (strcmp(key, "off") == 0) r->off = true;
        else if (strcmp(key, "changes") == 0) r->changes = true;
        else if (strcmp(key, "skew") == 0) r->skew = duration(p, arg), i++;
        else if (strcmp(key, "period") == 0) r->period = positive(p, arg), i++;
        else if (strcmp(key, "phase") == 0) r->phase = duration(p, arg), i++;
        else if (strcmp(key, "delay") == 0) r->delay = duration(p, arg), i++;
        else if (strcmp(key, "size") == 0) {
            int64_t size = integer(p, arg);
            if (size < 1 || size > 100000) fail(p, "%s: not a ring size from 1 to 100000", arg);
            r->size = (int)size, i++;
        } else if (strcmp(key, "outlier") == 0 && i + 2 < p->n) {
            r->outlier_every = integer(p, arg);
            r->outlier = (unsigned)integer(p, p->word[i + 2]);
            if (r->outlier_every < 1) fail(p, "%s: an outlier every 0 entries", arg);
            i += 2;
        } else {
            fail(p, "%s: not a property of a ring", key);
        }
    }
}

static void add_rule(struct parser *p, enum effect effect, const char *call, struct rule r)
{
    r.effect = effect;
    r.who = selector(p, p->word[1]);
    r.arg = -1;
    if (strncmp(call, "nvml", 4) == 0) call += 4;
    r.call = strdup(call);
    char *slash = strchr(r.call, '/');
    if (slash) {
        *slash = 0;
        r.arg = integer(p, slash + 1);
    }
    *(struct rule *)append(&p->sc->rules, &p->sc->nrules, sizeof r) = r;
}

static void set_unsupported(struct parser *p, device *d)
{
    d->line[find(reading_names, READINGS, p->word[2])].supported = false;
}

static void add_process(struct parser *p, device *d)
{
    struct process q = {
        .pid = (unsigned)integer(p, p->word[2]), .graphics = strcmp(p->word[3], "graphics") == 0,
        .from = duration(p, p->word[4]), .to = duration(p, p->word[5]),
        .memory = (unsigned long long)integer(p, p->word[6]) * MIB,
    };
    if (!q.graphics && strcmp(p->word[3], "compute") != 0) fail(p, "%s: neither compute nor graphics", p->word[3]);
    for (int i = 0; i < 6 && 7 + i < p->n; i++) q.util[i] = (unsigned)integer(p, p->word[7 + i]);
    *(struct process *)append(&d->process, &d->nprocesses, sizeof q) = q;
}

static void set_lost(struct parser *p, device *d)
{
    d->lost_from = duration(p, p->word[2]);
    d->lost_to = p->n > 3 ? duration(p, p->word[3]) : NEVER;
    d->lost_drops = p->n > 4;
    if (p->n > 4 && strcmp(p->word[4], "drop") != 0) fail(p, "%s: only drop may stand here", p->word[4]);
}

static void set_appears(struct parser *p, device *d)
{
    d->appears = duration(p, p->word[2]);
    d->appears_at_init = p->n > 3;
    if (p->n > 3 && strcmp(p->word[3], "init") != 0) fail(p, "%s: only init may stand here", p->word[3]);
}

static void add_mig(struct parser *p, device *d)
{
    device *m = append(&d->mig, &d->nmig, sizeof *m);
    init_device(m, d->index);
    m->gi = (int)integer(p, p->word[2]);
    m->ci = (int)integer(p, p->word[3]);
    m->mig_memory = (unsigned)integer(p, p->word[4]);
    m->mig_sm = (unsigned)integer(p, p->word[5]);
    m->mig_slices = (unsigned)integer(p, p->word[6]);
    m->number[N_memory_total] = m->mig_memory;
    m->number[N_memory_reserved] = 0;
    m->line[R_memory_used].base = 0;
    m->exists_from = p->n > 7 ? duration(p, p->word[7]) : INT64_MIN;
    m->exists_to = p->n > 8 ? duration(p, p->word[8]) : NEVER;
    d->number[N_mig_mode] = 1;
}

void statement(struct parser *p)
{
    /* name, fewest and most words, and what it does to each GPU selected (NULL: not about GPUs alone) */
    static const struct { const char *name; int least, most; void (*each)(struct parser *, device *); } known[] = {
        {"value", 4, 4, set_value}, {"at", 5, 5, add_step}, {"burst", 6, 6, add_burst},
        {"train", 8, 8, add_train}, {"loop", 4, 4, set_loop}, {"set", 4, WORDS, set_fact},
        {"ring", 3, WORDS, set_ring}, {"process", 7, 13, add_process}, {"lost", 3, 5, set_lost},
        {"appears", 3, 4, set_appears}, {"mig", 7, 9, add_mig},
        {"gpus", 2, 2, NULL}, {"driver", 2, 2, NULL}, {"cuda", 2, 2, NULL}, {"start", 2, 3, NULL},
        {"loaded", 2, 2, NULL}, {"clock", 2, 2, NULL}, {"calls", 2, 2, NULL}, {"unsupported", 3, 3, NULL},
        {"stub", 3, 3, NULL},
        {"error", 4, 6, NULL}, {"delay", 4, 5, NULL}, {"hang", 4, 9, NULL}, {"reload", 2, 4, NULL},
        {"mismatch", 2, 3, NULL}, {"step", 3, 3, NULL}, {"event", 5, 7, NULL},
    };
    struct scenario *sc = p->sc;
    char **w = p->word;
    int k = 0;
    while (k < COUNT_OF(known) && strcmp(known[k].name, w[0]) != 0) k++;
    if (k == COUNT_OF(known)) return fail(p, "%s: no such statement", w[0]);
    if (p->n < known[k].least || p->n > known[k].most)
        return fail(p, "%s takes %d to %d words, not %d", w[0], known[k].least - 1, known[k].most - 1, p->n - 1);
    if (known[k].each) return each(p, known[k].each);

    const char *name = w[0];
    if (strcmp(name, "gpus") == 0) {
        int64_t n = integer(p, w[1]);
        if (sc->ngpus || n < 0 || n > MAX_GPUS) return fail(p, "%s: gpus stands once, with 0 to %d", w[1], MAX_GPUS);
        for (; sc->ngpus < n; sc->ngpus++) init_device(sc->gpu[sc->ngpus] = calloc(1, sizeof(device)), sc->ngpus);
    } else if (strcmp(name, "driver") == 0) {
        snprintf(sc->driver, sizeof sc->driver, "%s", w[1]);
    } else if (strcmp(name, "cuda") == 0) {
        int major, minor;
        if (sscanf(w[1], "%d.%d", &major, &minor) != 2) return fail(p, "%s: not a CUDA version such as 12.9", w[1]);
        sc->cuda = major * 1000 + minor * 10;
    } else if (strcmp(name, "start") == 0) {
        int i = find((const char *const[]){"init", "boot", "epoch"}, 3, w[1]);
        if (i < 0 || (i > 0) != (p->n == 3)) return fail(p, "write start init, start boot TIME or start epoch TIME");
        sc->start = (enum start)i;
        if (i > 0) sc->start_us = duration(p, w[2]);
    } else if (strcmp(name, "loaded") == 0) {
        sc->loaded = duration(p, w[1]);
    } else if (strcmp(name, "clock") == 0) {
        free(sc->clock);
        sc->clock = strdup(w[1]);
    } else if (strcmp(name, "calls") == 0) {
        free(sc->calls);
        sc->calls = strdup(w[1]);
    } else if (strcmp(name, "unsupported") == 0) {
        if (find(reading_names, READINGS, w[2]) >= 0) return each(p, set_unsupported);
        add_rule(p, EFFECT_ERROR, w[2], (struct rule){ .from = INT64_MIN, .to = NEVER, .code = NVML_ERROR_NOT_SUPPORTED });
    } else if (strcmp(name, "stub") == 0) {
        add_rule(p, EFFECT_ERROR, w[2], (struct rule){ .from = INT64_MIN, .to = NEVER, .code = STUB });
    } else if (strcmp(name, "error") == 0) {
        add_rule(p, EFFECT_ERROR, w[2], (struct rule){
            .code = (nvmlReturn_t)integer(p, w[3]),
            .from = p->n > 4 ? duration(p, w[4]) : INT64_MIN, .to = p->n > 5 ? duration(p, w[5]) : NEVER });
    } else if (strcmp(name, "delay") == 0) {
        if (p->n > 4 && strcmp(w[4], "unlocked") != 0) return fail(p, "%s: only unlocked may stand here", w[4]);
        add_rule(p, EFFECT_DELAY, w[2], (struct rule){
            .us = positive(p, w[3]), .holds_lock = p->n == 4, .from = INT64_MIN, .to = NEVER });
    } else if (strcmp(name, "hang") == 0) {
        struct rule r = { .from = duration(p, w[3]), .to = NEVER };
        for (int i = 4; i < p->n; i++) {
            if (strcmp(w[i], "locked") == 0) r.holds_lock = true;
            else if (i + 1 < p->n && strcmp(w[i], "to") == 0) r.to = duration(p, w[++i]);
            else if (!r.file && i + 1 < p->n && (strcmp(w[i], "while") == 0 || strcmp(w[i], "until") == 0)) {
                r.file_ends = w[i][0] == 'u';
                r.file = strdup(w[++i]);
            } else return fail(p, "%s: not part of a hang (to TIME, while FILE, until FILE, locked)", w[i]);
        }
        add_rule(p, EFFECT_HANG, w[2], r);
    } else if (strcmp(name, "reload") == 0) {
        struct reload *r = append(&sc->reloads, &sc->nreloads, sizeof *r);
        r->t = duration(p, w[1]);
        r->down = p->n > 2 ? duration(p, w[2]) : 0;
        r->code = p->n > 3 ? (nvmlReturn_t)integer(p, w[3]) : NVML_ERROR_UNINITIALIZED;
        if (sc->nreloads > 1 && r->t < r[-1].t + r[-1].down) fail(p, "reloads stand in their order");
    } else if (strcmp(name, "mismatch") == 0) {
        sc->mismatch = duration(p, w[1]);
        if (p->n > 2) snprintf(sc->mismatch_driver, sizeof sc->mismatch_driver, "%s", w[2]);
    } else if (strcmp(name, "step") == 0) {
        struct step *s = append(&sc->steps, &sc->nsteps, sizeof *s);
        s->t = duration(p, w[1]);
        s->delta = duration(p, w[2]);
    } else if (strcmp(name, "event") == 0) {
        static const struct { const char *name; unsigned long long type; } types[] = {
            {"sbe", nvmlEventTypeSingleBitEccError}, {"dbe", nvmlEventTypeDoubleBitEccError},
            {"pstate", nvmlEventTypePState}, {"xid", nvmlEventTypeXidCriticalError}, {"clock", nvmlEventTypeClock},
            {"poison", nvmlEventTypeNonFatalPoisonError}, {"fatal_poison", nvmlEventTypeFatalPoisonError},
            {"unavailable", nvmlEventTypeGpuUnavailableError}, {"recovery", nvmlEventTypeGpuRecoveryAction},
        };
        struct event e = {
            .t = duration(p, w[2]), .data = (unsigned long long)integer(p, w[4]),
            .gi = p->n > 5 ? (unsigned)integer(p, w[5]) : NO_INSTANCE, .ci = p->n > 6 ? (unsigned)integer(p, w[6]) : NO_INSTANCE,
        };
        for (int i = 0; i < COUNT_OF(types); i++)
            if (strcmp(types[i].name, w[3]) == 0) e.type = types[i].type;
        if (!e.type) e.type = (unsigned long long)integer(p, w[3]);
        struct selector who = selector(p, w[1]);
        for (e.gpu = 0; e.gpu < sc->ngpus; e.gpu++)
            if (who.gpus >> e.gpu & 1) *(struct event *)append(&sc->events, &sc->nevents, sizeof e) = e;
    }
}
