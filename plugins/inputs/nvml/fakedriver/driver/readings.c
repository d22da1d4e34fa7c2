/* Readings of the instant. */
#include "fake.h"

nvmlReturn_t reading(const device *d, enum reading r, int64_t t, int64_t *v)
{
    if (!d->line[r].supported) return NVML_ERROR_NOT_SUPPORTED;
    *v = timeline_value(&d->line[r], t);
    return NVML_SUCCESS;
}

nvmlReturn_t reading_mean(const device *d, enum reading r, int64_t from, int64_t to, int64_t *v)
{
    if (!d->line[r].supported) return NVML_ERROR_NOT_SUPPORTED;
    *v = timeline_mean(&d->line[r], from, to);
    return NVML_SUCCESS;
}

nvmlReturn_t counter(const device *d, enum reading r, int64_t t, int64_t *v)
{
    if (!d->line[r].supported) return NVML_ERROR_NOT_SUPPORTED;
    *v = timeline_integral(&d->line[r], counters_from(t), t);
    return NVML_SUCCESS;
}

nvmlReturn_t energy_mj(const device *d, int64_t t, int64_t *v)
{
    nvmlReturn_t rc = counter(d, R_power, t, v);   /* mW x us */
    *v = d->number[N_energy_start] + *v / 1000000;
    return rc;
}

nvmlReturn_t power_1s(const device *d, enum reading r, int64_t t, int64_t *v)
{
    return reading_mean(d, r, t - 1000000, t, v);
}

int64_t throttle_ns(const device *d, int64_t bit, int64_t t)
{
    return timeline_integral(&d->throttled[__builtin_ctzll((unsigned long long)bit)], counters_from(t), t) * 1000;
}

nvmlReturn_t number(const device *d, enum number n, int64_t *v)
{
    *v = d->number[n];
    return *v == -1 ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
}
