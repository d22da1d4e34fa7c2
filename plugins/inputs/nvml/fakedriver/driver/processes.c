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
    unsigned none = (unsigned)d->number[N_no_instance];
    *to = (nvmlProcessInfo_v2_t){
        .pid = p->pid, .usedGpuMemory = p->memory,
        .gpuInstanceId = d->parent ? (unsigned)d->gi : none, .computeInstanceId = d->parent ? (unsigned)d->ci : none,
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

/* use gives a sample a process of the newest period of the utilisation ring, if that is newer than last_seen: put says
 * where. It returns their number. */
static unsigned use(const device *d, unsigned long long last_seen, void (*put)(void *, unsigned, const struct process *, int64_t), void *out, unsigned room)
{
    const struct ring *r = &d->ring[NVML_GPU_UTILIZATION_SAMPLES];
    int64_t at = now() - r->phase;
    at -= at % r->period - r->phase;
    int64_t stamp = r->epoch ? epoch_at(at) : state.sc->start_boot + at;
    unsigned n = 0;
    for (int i = 0; i < d->nprocesses && stamp > (int64_t)last_seen; i++) {
        const struct process *p = &d->process[i];
        if (at < p->from || at >= p->to) continue;
        if (n < room) put(out, n, p, stamp);
        n++;
    }
    return n;
}

static void put_sample(void *out, unsigned i, const struct process *p, int64_t stamp)
{
    ((nvmlProcessUtilizationSample_t *)out)[i] = (nvmlProcessUtilizationSample_t){
        .pid = p->pid, .timeStamp = (unsigned long long)stamp,
        .smUtil = p->util[0], .memUtil = p->util[1], .encUtil = p->util[2], .decUtil = p->util[3],
    };
}

nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t h, nvmlProcessUtilizationSample_t *out, unsigned *count, unsigned long long last_seen)
{
    ENTER("nvmlDeviceGetProcessUtilization");
    CHECK(count, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(!d->parent && !is_cut(d), NVML_ERROR_NOT_SUPPORTED);
    unsigned room = out ? *count : 0;
    *count = use(d, last_seen, put_sample, out, room);
    CHECK(*count > 0, NVML_ERROR_NOT_FOUND);
    return leave(*count > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS);
}

static void put_info(void *out, unsigned i, const struct process *p, int64_t stamp)
{
    ((nvmlProcessUtilizationInfo_v1_t *)out)[i] = (nvmlProcessUtilizationInfo_v1_t){
        .pid = p->pid, .timeStamp = (unsigned long long)stamp, .smUtil = p->util[0], .memUtil = p->util[1],
        .encUtil = p->util[2], .decUtil = p->util[3], .jpgUtil = p->util[4], .ofaUtil = p->util[5],
    };
}

nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t h, nvmlProcessesUtilizationInfo_t *info)
{
    ENTER("nvmlDeviceGetProcessesUtilizationInfo");
    CHECK(info, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(info->version == nvmlProcessesUtilizationInfo_v1, NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
    CHECK(!d->parent && !is_cut(d), NVML_ERROR_NOT_SUPPORTED);
    unsigned room = info->procUtilArray ? info->processSamplesCount : 0;
    info->processSamplesCount = use(d, info->lastSeenTimeStamp, put_info, info->procUtilArray, room);
    CHECK(info->processSamplesCount > 0, NVML_ERROR_NOT_FOUND);
    return leave(info->processSamplesCount > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS);
}
