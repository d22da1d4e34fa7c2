/* The way into the driver: one lock for all of its calls, the faults that the scenario asks for, and a
 * count of the calls that other processes can read. */
#include "fake.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

nvmlReturn_t attach(void);
void detach(void);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The file of counts: records of a name and a number, filled from the front. */
#define SLOTS 256
static struct slot { char name[56]; uint64_t count; } *slots;
static int slots_fd = -1;

bool calls_map(const char *path)
{
    if (slots) return true;                /* counts go on over a new init */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return false;
    void *p = ftruncate(fd, sizeof(struct slot) * SLOTS) == 0
        ? mmap(NULL, sizeof(struct slot) * SLOTS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (p == MAP_FAILED) {
        close(fd);
        return false;
    }
    slots = p;
    slots_fd = fd;
    return true;
}

void count_call(struct call *c)
{
    if (!slots) return;
    if (!c->count) {
        flock(slots_fd, LOCK_EX);          /* other processes add names as well */
        for (int i = 0; i < SLOTS && !c->count; i++) {
            if (!slots[i].name[0]) strncpy(slots[i].name, c->name, sizeof slots[i].name - 1);
            if (strcmp(slots[i].name, c->name) == 0) c->count = &slots[i].count;
        }
        flock(slots_fd, LOCK_UN);
    }
    if (c->count) __atomic_add_fetch(c->count, 1, __ATOMIC_RELAXED);
}

static bool applies(const struct rule *r, const char *name, const device *d, long arg, int64_t t)
{
    if (t < r->from || t >= r->to || (r->arg >= 0 && r->arg != arg) || !selects(&r->who, d)) return false;
    return strcmp(r->call, name + 4) == 0 || (strpbrk(r->call, "*?[") && fnmatch(r->call, name + 4, 0) == 0);
}

nvmlReturn_t rule_error(const char *name, const device *d, long arg)
{
    int64_t t = now();
    for (int i = 0; i < state.sc->nrules; i++) {
        const struct rule *r = &state.sc->rules[i];
        if (r->effect == EFFECT_ERROR && applies(r, name, d, arg, t)) return r->code;
    }
    return NVML_SUCCESS;
}

void wait_outside(int64_t us)
{
    state.inside++;
    pthread_mutex_unlock(&lock);
    sleep_us(us);
    pthread_mutex_lock(&lock);
    state.inside--;
}

static void wait_for(const struct rule *r, int64_t us)
{
    if (r->holds_lock) sleep_us(us);
    else wait_outside(us);
}

static bool hangs(const struct scenario *sc, const struct rule *r)
{
    if (clock_now().boot_us - sc->start_boot >= r->to) return false;
    return !r->file || (access(r->file, F_OK) == 0) != r->file_ends;
}

/* play lets a call wait as the scenario says, then tells how it fails. */
static nvmlReturn_t play(const char *name, const device *d, long arg)
{
    struct scenario *sc = state.sc;        /* another thread may shut down meanwhile; ours is kept then */
    int64_t t = now();
    for (int i = 0; i < sc->nrules; i++) {
        const struct rule *r = &sc->rules[i];
        if (r->effect == EFFECT_ERROR || !applies(r, name, d, arg, t)) continue;
        if (r->effect == EFFECT_DELAY) wait_for(r, r->us);
        while (r->effect == EFFECT_HANG && hangs(sc, r)) wait_for(r, 1000);
    }
    if (state.sc != sc) return NVML_ERROR_UNINITIALIZED;
    t = now();
    if (d && is_lost(d, t)) return NVML_ERROR_GPU_IS_LOST;
    for (int i = 0; i < sc->nrules; i++)
        if (sc->rules[i].effect == EFFECT_ERROR && applies(&sc->rules[i], name, d, arg, t)) return sc->rules[i].code;
    return NVML_SUCCESS;
}

nvmlReturn_t standing(bool is_init)
{
    const struct scenario *sc = state.sc;
    int64_t t = now();
    if (t >= sc->mismatch && state.first_init_at < sc->mismatch) return NVML_ERROR_LIB_RM_VERSION_MISMATCH;
    for (int i = sc->nreloads - 1; i >= 0; i--) {
        const struct reload *r = &sc->reloads[i];
        if (t >= r->t && t < r->t + r->down) return NVML_ERROR_DRIVER_NOT_LOADED;
        if (!is_init && t >= r->t && state.init_at < r->t + r->down) return r->code;
    }
    return NVML_SUCCESS;
}

nvmlReturn_t enter(struct call *c, device *d, long arg)
{
    bool is_init = strncmp(c->name, "nvmlInit", 8) == 0, is_shutdown = strcmp(c->name, "nvmlShutdown") == 0;
    pthread_mutex_lock(&lock);
    nvmlReturn_t rc = is_init ? attach() : state.sc ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
    if (rc != NVML_SUCCESS) return leave(rc);
    count_call(c);
    if (is_shutdown) return NVML_SUCCESS;
    rc = standing(is_init);
    if (rc == NVML_SUCCESS && d != NO_DEVICE && (!is_ours(d) || !exists(stands_for(d), now()))) rc = NVML_ERROR_INVALID_ARGUMENT;
    if (rc == NVML_SUCCESS) rc = play(c->name, d == NO_DEVICE ? NULL : d, arg);
    if (is_init && rc == NVML_SUCCESS && state.refs++ == 0) state.init_at = now();
    if (is_init && rc != NVML_SUCCESS && state.refs == 0 && state.sc) detach();
    return rc == NVML_SUCCESS ? rc : leave(rc);
}

nvmlReturn_t leave(nvmlReturn_t rc)
{
    pthread_mutex_unlock(&lock);
    return rc;
}
