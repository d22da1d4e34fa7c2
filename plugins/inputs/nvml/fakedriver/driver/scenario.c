/* Reads the scenario file: a statement a line, words apart by blanks, # begins a comment. README.md lists
 * the statements. A bad line is named on stderr and refuses the file. */
#include "parser.h"

#include <errno.h>

bool selects(const struct selector *who, const device *d)
{
    if (!d) return who->all;
    if (!(who->gpus >> d->index & 1)) return false;
    return who->gi < 0 || (who->gi == d->gi && who->ci == d->ci);
}

void init_device(device *d, int index)
{
    static const struct timeline lines[] = {
#define READING(name, value, is_supported) { .base = value, .supported = is_supported },
#include "tables.def"
#undef READING
    };
    static const int64_t numbers[] = {
#define NUMBER(name, value) value,
#include "tables.def"
#undef NUMBER
    };
    static const char *const texts[] = {
#define TEXT(name, value) value,
#include "tables.def"
#undef TEXT
    };
    d->index = index;
    d->gi = d->ci = -1;
    d->appears = INT64_MIN;
    d->lost_from = d->lost_to = NEVER;
    memcpy(d->line, lines, sizeof lines);
    memcpy(d->number, numbers, sizeof numbers);
    for (int i = 0; i < TEXTS; i++) d->text[i] = strdup(texts[i]);
#define RING(type, of, us, entries, is_mean) \
    d->ring[type] = (struct ring){ .reading = R_##of, .period = us, .size = entries, .mean = is_mean };
#include "tables.def"
#undef RING
}

static int event_order(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    return x->t < y->t ? -1 : x->t > y->t;
}

static void compile(struct parser *p, device *d)
{
    for (int r = 0; r < READINGS && !p->failed; r++) {
        p->line = timeline_compile(&d->line[r]);
        if (p->line) fail(p, "bursts of one reading overlap");
        const struct timeline *l = &d->line[r];
        p->line = l->loop_line;
        if (l->loop && l->n && (l->p[0].t < 0 || l->p[l->n - 1].t > l->loop)) fail(p, "a step or burst lies outside of the loop");
    }
    for (int bit = 0; bit < THROTTLE_BITS && !p->failed; bit++) d->throttled[bit] = timeline_bit(&d->line[R_throttle], bit);
    for (int i = 0; i < d->nmig; i++) {
        d->mig[i].parent = d;
        compile(p, &d->mig[i]);
    }
}

struct scenario *scenario_load(const char *path)
{
    struct parser p = { .path = path ? path : "$GPULINE_FAKE_NVML" };
    FILE *f = path ? fopen(path, "re") : NULL;
    if (!f) {
        fprintf(stderr, "fake NVML: %s: %s\n", p.path, path ? strerror(errno) : "not set: it names the scenario file");
        return NULL;
    }
    p.sc = calloc(1, sizeof *p.sc);
    *p.sc = (struct scenario){ .driver = "580.95.05", .cuda = 13000, .mismatch = NEVER };
    char *text = NULL;
    size_t room = 0;
    while (!p.failed && getline(&text, &room, f) >= 0) {
        p.line++;
        if (split(&p, text) && p.n) statement(&p);
        if (p.n > 3 && *p.rest) free(p.rest);
    }
    free(text);
    fclose(f);
    sscanf(p.sc->driver, "%d.%d", &p.sc->branch, &p.sc->minor);
    if (p.sc->nevents) qsort(p.sc->events, (size_t)p.sc->nevents, sizeof *p.sc->events, event_order);
    for (int i = 0; i < p.sc->ngpus && !p.failed; i++) compile(&p, p.sc->gpu[i]);
    if (!p.failed) return p.sc;
    scenario_free(p.sc);
    return NULL;
}

static void free_device(device *d)
{
    for (int r = 0; r < READINGS; r++) timeline_free(&d->line[r]);
    for (int i = 0; i < THROTTLE_BITS; i++) timeline_free(&d->throttled[i]);
    for (int i = 0; i < TEXTS; i++) free(d->text[i]);
    for (int i = 0; i < d->nmig; i++) free_device(&d->mig[i]);
    free(d->mig);
    free(d->process);
}

void scenario_free(struct scenario *sc)
{
    for (int i = 0; i < sc->ngpus; i++) {
        free_device(sc->gpu[i]);
        free(sc->gpu[i]);
    }
    for (int i = 0; i < sc->nrules; i++) {
        free(sc->rules[i].call);
        free(sc->rules[i].file);
    }
    free(sc->rules);
    free(sc->events);
    free(sc->reloads);
    free(sc->steps);
    free(sc->clock);
    free(sc->calls);
    free(sc);
}
