/* The driver's ring buffers. Entry k is of the time phase + k*period; nothing is stored: what a ring holds
 * at an instant follows from the scenario. */
#include "fake.h"

static unsigned entry(const device *d, const struct ring *r, int64_t k, int64_t t)
{
    if (r->outlier_every && (k + 1) % r->outlier_every == 0) return r->outlier;
    const struct timeline *l = &d->line[r->reading];
    return (unsigned)(r->mean ? timeline_mean(l, t - r->period, t) : timeline_value(l, t));
}

static bool is_utilisation(nvmlSamplingType_t type)
{
    return (type >= NVML_GPU_UTILIZATION_SAMPLES && type <= NVML_DEC_UTILIZATION_SAMPLES) || type >= NVML_JPG_UTILIZATION_SAMPLES;
}

nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t h, nvmlSamplingType_t type, unsigned long long last_seen,
                                  nvmlValueType_t *value_type, unsigned *count, nvmlSample_t *out)
{
    ENTER_ARG("nvmlDeviceGetSamples", type);
    CHECK(count && value_type && (unsigned)type < NVML_SAMPLINGTYPE_COUNT && (!out || *count), NVML_ERROR_INVALID_ARGUMENT);
    const struct ring *r = &d->ring[type];
    CHECK(!d->parent && !r->off && d->line[r->reading].supported, NVML_ERROR_NOT_SUPPORTED);
    CHECK(d->number[N_mig_mode] != 1 || !is_utilisation(type), NVML_ERROR_NOT_SUPPORTED);
    *value_type = NVML_VALUE_TYPE_UNSIGNED_INT;
    if (!out) {
        *count = (unsigned)r->size;
        return leave(NVML_SUCCESS);
    }

    int64_t t = now();
    int64_t newest = floor_div(t - r->delay - r->phase, r->period);
    int64_t oldest = -floor_div(r->phase - counters_from(t), r->period);    /* the first since the driver was loaded */
    if (oldest < newest - r->size + 1) oldest = newest - r->size + 1;
    unsigned room = *count, n = 0;
    for (int64_t k = oldest; k <= newest && n < room; k++) {
        int64_t at = r->phase + k * r->period;
        int64_t stamp = r->epoch ? epoch_at(at) : state.sc->start_boot + at;
        if (stamp <= 0 || (unsigned long long)stamp <= last_seen) continue;
        out[n].timeStamp = (unsigned long long)stamp;
        out[n].sampleValue.ullVal = 0xa5a5a5a500000000;  /* the driver writes no more of it than the value has */
        out[n++].sampleValue.uiVal = entry(d, r, k, at);
    }
    CHECK(n > 0, NVML_ERROR_NOT_FOUND);
    if (r->zeroed) {
        memset(out + n, 0, (room - n) * sizeof *out);
        n = room;
    }
    *count = n;
    return leave(NVML_SUCCESS);
}
