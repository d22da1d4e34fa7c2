/* Who runs on a GPU, and on its MIG instances. */
#include "fake.h"

/* The first version of the record ends before the instance ids. Drivers 535.43 to 535.86 made the third longer
 * than nvml.h before and after them has it. */
struct long_info { nvmlProcessInfo_v2_t info; unsigned long long protected_memory; };

static void put(void *out, int version, unsigned i, const device *d, const struct process *p)
{
    if (version == 1) {
        ((nvmlProcessInfo_v1_t *)out)[i] = (nvmlProcessInfo_v1_t){ .pid = p->pid, .usedGpuMemory = p->memory };
        return;
    }
    bool wide = version == 3 && driver_since(535, 43) && !driver_since(535, 98);
    nvmlProcessInfo_v2_t *to = wide ? &((struct long_info *)out)[i].info : &((nvmlProcessInfo_v2_t *)out)[i];
    if (wide) ((struct long_info *)out)[i].protected_memory = 0;
    *to = (nvmlProcessInfo_v2_t){
        .pid = p->pid, .usedGpuMemory = p->memory,
        .gpuInstanceId = d->parent ? (unsigned)d->gi : NO_INSTANCE, .computeInstanceId = d->parent ? (unsigned)d->ci : NO_INSTANCE,
    };
}

/* list puts the processes of a device that run at t into out, from n on, as far as there is room. */
static unsigned list(const device *d, bool graphics, int64_t t, void *out, int version, unsigned room, unsigned n)
{
    for (int i = 0; i < d->nprocesses; i++) {
        const struct process *p = &d->process[i];
        if (p->graphics != graphics || t < p->from || t >= p->to) continue;
        if (n < room) put(out, version, n, d, p);
        n++;
    }
    for (int i = 0; i < d->nmig; i++)
        if (exists(&d->mig[i], t)) n = list(&d->mig[i], graphics, t, out, version, room, n);
    return n;
}

static nvmlReturn_t give(const device *d, bool graphics, unsigned *count, void *out, int version)
{
    CHECK(count && (out || !*count), NVML_ERROR_INVALID_ARGUMENT);
    CHECK(d->number[N_mig_whole] == 1 || !is_cut(d), NVML_ERROR_NO_PERMISSION);
    unsigned room = *count;
    *count = list(d, graphics, now(), out, version, room, 0);
    return leave(*count > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS);
}

#define RUNNING(function, type, graphics, version)                                        \
    nvmlReturn_t nvmlDevice##function(nvmlDevice_t h, unsigned *count, type *out)         \
    {                                                                                     \
        ENTER("nvmlDevice" #function);                                                    \
        return give(d, graphics, count, out, version);                                    \
    }
RUNNING(GetComputeRunningProcesses, nvmlProcessInfo_v1_t, false, 1)
RUNNING(GetComputeRunningProcesses_v2, nvmlProcessInfo_v2_t, false, 2)
RUNNING(GetComputeRunningProcesses_v3, nvmlProcessInfo_t, false, 3)
RUNNING(GetGraphicsRunningProcesses, nvmlProcessInfo_v1_t, true, 1)
RUNNING(GetGraphicsRunningProcesses_v2, nvmlProcessInfo_v2_t, true, 2)
RUNNING(GetGraphicsRunningProcesses_v3, nvmlProcessInfo_t, true, 3)

/* A sample a process and period of the utilisation ring, the newest only. */
nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t h, nvmlProcessUtilizationSample_t *out, unsigned *count, unsigned long long last_seen)
{
    ENTER("nvmlDeviceGetProcessUtilization");
    CHECK(count, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(!d->parent && !is_cut(d), NVML_ERROR_NOT_SUPPORTED);
    const struct ring *r = &d->ring[NVML_GPU_UTILIZATION_SAMPLES];
    int64_t at = now() - r->phase;
    at -= at % r->period - r->phase;
    int64_t stamp = r->epoch ? epoch_at(at) : state.sc->start_boot + at;
    unsigned n = 0, room = out ? *count : 0;
    for (int i = 0; i < d->nprocesses && stamp > (int64_t)last_seen; i++) {
        const struct process *p = &d->process[i];
        if (at < p->from || at >= p->to) continue;
        if (n < room)
            out[n] = (nvmlProcessUtilizationSample_t){
                .pid = p->pid, .timeStamp = (unsigned long long)stamp,
                .smUtil = p->util[0], .memUtil = p->util[1], .encUtil = p->util[2], .decUtil = p->util[3],
            };
        n++;
    }
    *count = n;
    CHECK(n > 0, NVML_ERROR_NOT_FOUND);
    return leave(n > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS);
}
