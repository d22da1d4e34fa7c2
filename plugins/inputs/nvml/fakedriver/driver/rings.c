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

/* Entries of a ring are numbered. time_of gives the time of one, newest_at the number of the newest at t and
 * oldest_from that of the first since the driver was loaded, or the GPU came back: one off the bus takes no samples. */
static int64_t time_of(const device *d, const struct ring *r, int64_t k)
{
    return r->changes ? d->line[r->reading].p[k].t : r->phase + k * r->period;
}

static int64_t newest_at(const device *d, const struct ring *r, int64_t t)
{
    const struct timeline *l = &d->line[r->reading];
    if (!r->changes) return floor_div(t - r->delay - r->phase, r->period);
    int64_t k = l->n;
    while (k > 0 && l->p[k - 1].t > t - r->delay) k--;
    return k - 1;
}

static int64_t oldest_from(const device *d, const struct ring *r, int64_t t)
{
    const struct timeline *l = &d->line[r->reading];
    int64_t loaded = counters_from(t);
    if (t >= d->lost_to && loaded < d->lost_to) loaded = d->lost_to;
    if (!r->changes) return -floor_div(r->phase - loaded, r->period);
    int64_t k = 0;
    while (k < l->n && l->p[k].t < loaded) k++;
    return k;
}

nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t h, nvmlSamplingType_t type, unsigned long long last_seen,
                                  nvmlValueType_t *value_type, unsigned *count, nvmlSample_t *out)
{
    ENTER_ARG("nvmlDeviceGetSamples", type);
    CHECK(count && value_type && (unsigned)type < NVML_SAMPLINGTYPE_COUNT && (!out || *count), NVML_ERROR_INVALID_ARGUMENT);
    const struct ring *r = &d->ring[type];
    CHECK(!d->parent && d->line[r->reading].supported, NVML_ERROR_NOT_SUPPORTED);
    CHECK(!is_cut(d) || !is_utilisation(type), NVML_ERROR_NOT_SUPPORTED);
    *value_type = NVML_VALUE_TYPE_UNSIGNED_INT;
    if (!out) {
        *count = (unsigned)r->size;
        return leave(NVML_SUCCESS);
    }

    CHECK(!r->off, NVML_ERROR_NOT_SUPPORTED);   /* as seen: a ring that is not there has a size */
    int64_t t = now();
    int64_t newest = newest_at(d, r, t), oldest = oldest_from(d, r, t);
    if (oldest < newest - r->size + 1) oldest = newest - r->size + 1;
    unsigned room = *count, n = 0;
    for (int64_t k = oldest; k <= newest && n < room; k++) {
        int64_t at = time_of(d, r, k);
        int64_t stamp = (r->epoch ? epoch_at(at) : state.sc->start_boot + at) + r->skew;
        if (stamp <= 0 || (unsigned long long)stamp <= last_seen) continue;
        out[n].timeStamp = (unsigned long long)stamp;
        out[n].sampleValue.ullVal = 0xa5a5a5a500000000;  /* the driver writes no more of it than the value has */
        out[n++].sampleValue.uiVal = r->changes ? (unsigned)d->line[r->reading].p[k].v : entry(d, r, k, at);
    }
    CHECK(n > 0, NVML_ERROR_NOT_FOUND);
    if (r->zeroed) {
        memset(out + n, 0, (room - n) * sizeof *out);
        n = room;
    }
    *count = n;
    return leave(NVML_SUCCESS);
}
