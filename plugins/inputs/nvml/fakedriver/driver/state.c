/* What this process knows of the driver, and the calls that begin and end its use. */
#include "fake.h"

struct state state;

int64_t now(void)
{
    return clock_now().boot_us - state.sc->start_boot;
}

bool driver_since(int branch, int minor)
{
    return state.sc->branch > branch || (state.sc->branch == branch && state.sc->minor >= minor);
}

static int64_t stepped(int64_t t)
{
    int64_t sum = 0;
    for (int i = 0; i < state.sc->nsteps; i++)
        if (state.sc->steps[i].t <= t) sum += state.sc->steps[i].delta;
    return sum;
}

int64_t epoch_at(int64_t t) { return state.sc->start_epoch + t + stepped(t); }

int64_t counters_from(int64_t t)
{
    int64_t from = state.sc->loaded;
    for (int i = 0; i < state.sc->nreloads; i++) {
        int64_t up = state.sc->reloads[i].t + state.sc->reloads[i].down;
        if (up <= t) from = up;
    }
    return from;
}

bool is_lost(const device *d, int64_t t)
{
    if (d->parent) d = d->parent;
    return t >= d->lost_from && t < d->lost_to;
}

bool exists(const device *d, int64_t t) { return !d->parent || (t >= d->exists_from && t < d->exists_to); }

bool is_cut(const device *d)
{
    if (d->number[N_mig_mode] != 1) return false;
    for (int i = 0; i < d->nmig; i++)
        if (exists(&d->mig[i], now())) return true;
    return d->nmig == 0;
}

int visible(device **out)
{
    int n = 0;
    int64_t t = now();
    for (int i = 0; i < state.sc->ngpus; i++) {
        device *d = state.sc->gpu[i];
        if ((d->appears_at_init ? state.init_at : t) < d->appears) continue;
        if (d->lost_drops && is_lost(d, t)) continue;
        out[n++] = d;
    }
    return n;
}

/* The handle of an instance that is gone may have gone to the first that is there. */
device *stands_for(device *d)
{
    if (d == NO_DEVICE || exists(d, now()) || d->parent->number[N_mig_reuse] != 1) return d;
    for (int i = 0; i < d->parent->nmig; i++)
        if (exists(&d->parent->mig[i], now())) return &d->parent->mig[i];
    return d;
}

bool is_ours(const device *d)
{
    for (int i = 0; i < state.sc->ngpus; i++) {
        const device *g = state.sc->gpu[i];
        if (d == g || (g->nmig && d >= g->mig && d < g->mig + g->nmig)) return true;
    }
    return false;
}

/* meet remembers the first nvmlInit of this process; another scenario file is another host. */
static int64_t first_boot;
static void meet(const char *path)
{
    static char *met;
    if (met && strcmp(met, path) == 0) return;
    free(met);
    met = strdup(path);
    first_boot = 0;
    state.first_init_known = false;
}

/* place fixes scenario time 0 on both clocks. */
static void place(struct scenario *sc)
{
    struct instant at = clock_now();
    if (sc->start == START_BOOT) sc->start_boot = sc->start_us;
    else if (sc->start == START_EPOCH) sc->start_boot = at.boot_us - (at.epoch_us - sc->start_us);
    else sc->start_boot = first_boot ? first_boot : (first_boot = at.boot_us);
    sc->start_epoch = at.epoch_us - (at.boot_us - sc->start_boot);
    state.sc = sc;
    sc->start_epoch -= stepped(now());
}

nvmlReturn_t nvmlInitWithFlags(unsigned int flags)
{
    (void)flags;
    ENTER_SYSTEM("nvmlInitWithFlags");
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlInit_v2(void)
{
    ENTER_SYSTEM("nvmlInit_v2");
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlInit(void)
{
    ENTER_SYSTEM("nvmlInit");
    return leave(NVML_SUCCESS);
}

/* attach is what an init does with the lock held: it reads the scenario on the first one. */
nvmlReturn_t attach(void)
{
    if (state.refs == 0) {
        struct scenario *sc = scenario_load(getenv("GPULINE_FAKE_NVML"));
        if (!sc) return NVML_ERROR_UNKNOWN;
        if (!clock_map(sc->clock) || (sc->calls && !calls_map(sc->calls))) {
            fprintf(stderr, "fake NVML: %s or %s: cannot be mapped\n", sc->clock ? sc->clock : "clock", sc->calls ? sc->calls : "calls");
            scenario_free(sc);
            return NVML_ERROR_UNKNOWN;
        }
        meet(getenv("GPULINE_FAKE_NVML"));
        place(sc);
        state.generation++;
        if (!state.first_init_known) state.first_init_at = now();
        state.first_init_known = true;
    }
    return NVML_SUCCESS;
}

void detach(void)
{
    if (state.inside == 0) scenario_free(state.sc);  /* else a call still waits in it: it is left to the process */
    state.sc = NULL;
}

nvmlReturn_t nvmlShutdown(void)
{
    ENTER_SYSTEM("nvmlShutdown");
    if (--state.refs == 0) detach();
    return leave(NVML_SUCCESS);
}
