/* A stand-in for libnvidia-ml.so.1. Its GPUs live in a scenario: time lines that are read at the instant
 * of a call, so that nothing runs between calls and every answer can be computed beforehand.
 *
 * Scenario time is int64 microseconds since the scenario's start; it advances with the boot-time clock. */
#ifndef FAKE_H
#define FAKE_H

#define NVML_NO_UNVERSIONED_FUNC_DEFS
#include <nvml.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER INT64_MAX
#define MAX_GPUS 64
#define NO_INSTANCE 0xffffffffu
#define THROTTLE_BITS 9
#define MIB 1048576ull
#define COUNT_OF(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* clock.c */
struct instant { int64_t boot_us, epoch_us; };
bool clock_map(const char *path);          /* NULL: the machine's own clocks */
struct instant clock_now(void);
void sleep_us(int64_t us);                 /* of real time */

/* timeline.c: a value that changes in steps, with bursts laid over it, and its exact integral */
struct point { int64_t t, v, sum; };       /* sum: the integral from the first point to this one */
struct burst { int64_t t, d, v; int at_line; };
struct timeline {
    int64_t base;                          /* before the first point */
    struct point *steps; int nsteps;
    struct burst *bursts; int nbursts;
    struct point *p; int n;                /* what timeline_compile makes of the two */
    int64_t loop, total;                   /* period, 0 for none, and the integral over one */
    int loop_line;                         /* of the file */
    bool supported;
};
void timeline_step(struct timeline *, int64_t t, int64_t v);
void timeline_burst(struct timeline *, int64_t t, int64_t d, int64_t v, int at_line);
int timeline_compile(struct timeline *);   /* 0, or the line of a burst that overlaps another */
struct timeline timeline_bit(const struct timeline *, int bit);            /* one bit of a compiled line, 0 or 1 */
void timeline_free(struct timeline *);
int64_t floor_div(int64_t a, int64_t b);
int64_t timeline_value(const struct timeline *, int64_t t);
int64_t timeline_integral(const struct timeline *, int64_t from, int64_t to);
int64_t timeline_mean(const struct timeline *, int64_t from, int64_t to);  /* rounded half up */

enum reading {
#define READING(name, value, supported) R_##name,
#include "tables.def"
#undef READING
    READINGS
};
enum number {
#define NUMBER(name, value) N_##name,
#include "tables.def"
#undef NUMBER
    NUMBERS
};
enum text {
#define TEXT(name, value) T_##name,
#include "tables.def"
#undef TEXT
    TEXTS
};

struct ring {
    enum reading reading;
    int64_t period, phase, delay;          /* entry k is of phase + k*period, and seen delay later */
    int size;
    bool mean, epoch, zeroed, off;
    bool changes;                          /* an entry at each change instead */
    int64_t skew;                          /* of its stamps */
    int64_t outlier_every; unsigned outlier;
};

struct process {
    unsigned pid, util[6];                 /* sm, memory, encoder, decoder, jpeg, ofa, in percent */
    bool graphics;
    int64_t from, to;
    unsigned long long memory;             /* bytes */
};

/* A GPU or a MIG instance: what a handle points to. */
struct nvmlDevice_st {
    int index;                             /* in the scenario */
    int gi, ci;                            /* -1 but for a MIG instance */
    struct nvmlDevice_st *parent;          /* NULL but for a MIG instance */
    struct timeline line[READINGS];
    struct timeline throttled[THROTTLE_BITS];  /* of line[R_throttle] */
    struct ring ring[NVML_SAMPLINGTYPE_COUNT];
    int64_t number[NUMBERS];
    char *text[TEXTS];
    int64_t appears; bool appears_at_init; /* hot-added: seen at once, or by the next nvmlInit */
    int64_t lost_from, lost_to; bool lost_drops;
    struct process *process; int nprocesses;
    struct nvmlDevice_st *mig; int nmig;
    unsigned mig_memory, mig_sm, mig_slices; /* MIG instance: MiB, multiprocessors, slices */
    int64_t exists_from, exists_to;        /* MIG instance */
};
typedef struct nvmlDevice_st device;

/* Whom a rule of the scenario is about. */
struct selector { uint64_t gpus; bool all; int gi, ci; };

/* calls.c */
enum effect { EFFECT_ERROR, EFFECT_HANG, EFFECT_DELAY };
struct rule {
    enum effect effect;
    struct selector who;
    char *call; long arg;                  /* a glob of names without "nvml"; -1: whatever the argument */
    int64_t from, to;
    nvmlReturn_t code;                     /* of an error */
    char *file; bool file_ends;            /* of a hang: ends when the file exists, or when it is gone */
    bool holds_lock;                       /* of a hang or a delay */
    int64_t us;                            /* of a delay */
};
struct event { int gpu; int64_t t; unsigned long long type, data; unsigned gi, ci; };
struct reload { int64_t t, down; nvmlReturn_t code; };
struct step { int64_t t, delta; };

/* scenario.c */
enum start { START_INIT, START_BOOT, START_EPOCH };
struct scenario {
    char driver[81], mismatch_driver[81];
    int branch, minor;                     /* of the driver's version */
    int cuda;
    enum start start; int64_t start_us;    /* as given */
    int64_t start_boot, start_epoch;       /* both clocks at scenario time 0 */
    int64_t loaded;
    int64_t mismatch;
    char *clock, *calls;
    device *gpu[MAX_GPUS]; int ngpus;
    struct rule *rules; int nrules;
    struct event *events; int nevents;
    struct reload *reloads; int nreloads;
    struct step *steps; int nsteps;
};
struct scenario *scenario_load(const char *path);  /* NULL after a message on stderr */
void scenario_free(struct scenario *);
bool selects(const struct selector *, const device *);

/* state.c: what one process knows of the driver */
extern struct state {
    struct scenario *sc;                   /* NULL before the first nvmlInit and after the last nvmlShutdown */
    int refs;
    int generation;                        /* how often a scenario was read */
    int inside;                            /* calls that wait without the lock */
    int64_t init_at, first_init_at;        /* scenario time */
    bool first_init_known;
} state;
int64_t now(void);                         /* scenario time */
bool driver_since(int branch, int minor);  /* is the driver's version at least this? */
int64_t epoch_at(int64_t t);               /* epoch microseconds at a scenario time, steps of the clock included */
int64_t counters_from(int64_t t);          /* when the driver that runs at t was loaded */
int visible(device **out);                 /* the GPUs that the driver enumerates now, in order; returns how many */
bool is_ours(const device *);              /* is it a handle that we gave? */
bool is_lost(const device *, int64_t t);
bool exists(const device *, int64_t t);    /* false for a MIG instance that is not there yet, or no more */
bool is_cut(const device *);               /* into MIG instances, now */
device *stands_for(device *);              /* whom a handle of ours means now */

/* Every exported function begins with enter and ends with leave. enter counts the call, takes the driver's
 * lock, and plays the scenario's faults; unless it returns NVML_SUCCESS the lock is free again. */
struct call { const char *name; uint64_t *count; };
nvmlReturn_t enter(struct call *, device *, long arg);   /* NO_DEVICE: a call about the system */
nvmlReturn_t leave(nvmlReturn_t);
void wait_outside(int64_t us);             /* sleep without the lock */
nvmlReturn_t standing(bool is_init);       /* an error where the driver that this process attached to is gone */
nvmlReturn_t rule_error(const char *name, const device *, long arg);   /* for a call that is about several things */
bool calls_map(const char *path);
void count_call(struct call *);

#define NO_DEVICE ((device *)-1)
#define STUB ((nvmlReturn_t)-1)             /* the call reports success and writes nothing */
#define ENTER_CALL(call_name, dev, arg)                             \
    static struct call here = { .name = call_name };                \
    do {                                                            \
        nvmlReturn_t refused = enter(&here, dev, arg);              \
        if (refused != NVML_SUCCESS) return refused == STUB ? NVML_SUCCESS : refused; \
    } while (0)
#define ENTER_SYSTEM(call_name) ENTER_CALL(call_name, NO_DEVICE, -1)
#define ENTER_ARG(call_name, arg) device *d = h.handle; ENTER_CALL(call_name, d, arg); d = stands_for(d)
#define ENTER(call_name) ENTER_ARG(call_name, -1)   /* for a function whose handle is called h */
#define CHECK(condition, code) do { if (!(condition)) return leave(code); } while (0)

/* readings.c: the value at an instant, or NVML_ERROR_NOT_SUPPORTED */
nvmlReturn_t reading(const device *, enum reading, int64_t t, int64_t *v);
nvmlReturn_t reading_mean(const device *, enum reading, int64_t from, int64_t to, int64_t *v);
nvmlReturn_t counter(const device *, enum reading, int64_t t, int64_t *v);    /* since the driver was loaded */
nvmlReturn_t energy_mj(const device *, int64_t t, int64_t *v);
nvmlReturn_t power_1s(const device *, enum reading, int64_t t, int64_t *v);
int64_t throttle_ns(const device *, int64_t bit, int64_t t);
nvmlReturn_t number(const device *, enum number, int64_t *v);

#endif
