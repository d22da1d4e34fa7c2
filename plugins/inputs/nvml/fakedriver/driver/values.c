/* The calls that read one value of one GPU. */
#include "fake.h"

/* A MIG instance answers few of them. */
#define WHOLE_GPU(d) CHECK(!(d)->parent, NVML_ERROR_NOT_SUPPORTED)
#define GIVES(function, type, give, what)                     \
    nvmlReturn_t nvmlDevice##function(nvmlDevice_t h, type *out) \
    {                                                         \
        ENTER("nvmlDevice" #function);                        \
        return give(d, what, (void *)out);                    \
    }

static nvmlReturn_t give(const device *d, enum reading r, unsigned *out)
{
    int64_t v = 0;
    WHOLE_GPU(d);
    CHECK(out, NVML_ERROR_INVALID_ARGUMENT);
    nvmlReturn_t rc = reading(d, r, now(), &v);
    if (rc == NVML_SUCCESS) *out = (unsigned)v;
    return leave(rc);
}

static nvmlReturn_t give_number(const device *d, enum number n, unsigned *out)
{
    int64_t v = 0;
    WHOLE_GPU(d);
    CHECK(out, NVML_ERROR_INVALID_ARGUMENT);
    nvmlReturn_t rc = number(d, n, &v);
    if (rc == NVML_SUCCESS) *out = (unsigned)v;
    return leave(rc);
}

static nvmlReturn_t give_bits(const device *d, enum reading r, unsigned long long *out)
{
    WHOLE_GPU(d);
    CHECK(out, NVML_ERROR_INVALID_ARGUMENT);
    int64_t v = 0;
    nvmlReturn_t rc = reading(d, r, now(), &v);
    if (rc == NVML_SUCCESS) *out = (unsigned long long)v;
    return leave(rc);
}

static nvmlReturn_t give_engine(const device *d, enum reading r, unsigned *util, unsigned *period)
{
    CHECK(util && period, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(!d->parent && !is_cut(d), NVML_ERROR_NOT_SUPPORTED);
    int64_t t = now(), v = 0;
    nvmlReturn_t rc = reading_mean(d, r, t - d->number[N_util_period], t, &v);
    *util = (unsigned)v;
    *period = (unsigned)d->number[N_util_period];
    return leave(rc);
}

GIVES(GetEnforcedPowerLimit, unsigned, give, R_power_limit)
GIVES(GetPerformanceState, nvmlPstates_t, give, R_pstate)
GIVES(GetFanSpeed, unsigned, give, R_fan)
GIVES(GetCurrPcieLinkGeneration, unsigned, give, R_pcie_gen)
GIVES(GetCurrPcieLinkWidth, unsigned, give, R_pcie_width)
GIVES(GetPcieReplayCounter, unsigned, give, R_pcie_replay)
GIVES(GetMaxPcieLinkGeneration, unsigned, give_number, N_max_pcie_gen)
GIVES(GetMaxPcieLinkWidth, unsigned, give_number, N_max_pcie_width)
GIVES(GetCurrentClocksEventReasons, unsigned long long, give_bits, R_throttle)
GIVES(GetCurrentClocksThrottleReasons, unsigned long long, give_bits, R_throttle)

#define ENGINE(function, what)                                                              \
    nvmlReturn_t nvmlDevice##function(nvmlDevice_t h, unsigned *util, unsigned *period)     \
    {                                                                                       \
        ENTER("nvmlDevice" #function);                                                      \
        return give_engine(d, what, util, period);                                          \
    }
ENGINE(GetEncoderUtilization, R_encoder_util)
ENGINE(GetDecoderUtilization, R_decoder_util)
ENGINE(GetJpgUtilization, R_jpeg_util)
ENGINE(GetOfaUtilization, R_ofa_util)

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t h, nvmlTemperatureSensors_t sensor, unsigned *temp)
{
    ENTER_ARG("nvmlDeviceGetTemperature", sensor);
    CHECK(sensor == NVML_TEMPERATURE_GPU, NVML_ERROR_INVALID_ARGUMENT);
    return give(d, R_temperature, temp);
}

nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t h, nvmlTemperature_t *temperature)
{
    ENTER("nvmlDeviceGetTemperatureV");
    CHECK(temperature && temperature->sensorType == NVML_TEMPERATURE_GPU, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(temperature->version == nvmlTemperature_v1, NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
    return give(d, R_temperature, (unsigned *)&temperature->temperature);
}

nvmlReturn_t nvmlDeviceGetMarginTemperature(nvmlDevice_t h, nvmlMarginTemperature_t *margin)
{
    ENTER("nvmlDeviceGetMarginTemperature");
    CHECK(margin, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(margin->version == nvmlMarginTemperature_v1, NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
    return give(d, R_margin_temperature, (unsigned *)&margin->marginTemperature);
}

nvmlReturn_t nvmlDeviceGetTemperatureThreshold(nvmlDevice_t h, nvmlTemperatureThresholds_t which, unsigned *temp)
{
    static const enum number of[] = { N_threshold_shutdown, N_threshold_slowdown, N_threshold_memory, N_threshold_gpu };
    ENTER_ARG("nvmlDeviceGetTemperatureThreshold", which);
    CHECK((unsigned)which < NVML_TEMPERATURE_THRESHOLD_COUNT, NVML_ERROR_INVALID_ARGUMENT);
    CHECK((unsigned)which < 4, NVML_ERROR_NOT_SUPPORTED);
    return give_number(d, of[which], temp);
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t h, unsigned *power)
{
    ENTER("nvmlDeviceGetPowerUsage");
    WHOLE_GPU(d);
    CHECK(power, NVML_ERROR_INVALID_ARGUMENT);
    if (d->number[N_power_average] != 1) return give(d, R_power, power);
    int64_t v = 0;
    nvmlReturn_t rc = power_1s(d, R_power, now(), &v);
    if (rc == NVML_SUCCESS) *power = (unsigned)v;
    return leave(rc);
}

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t h, unsigned long long *energy)
{
    ENTER("nvmlDeviceGetTotalEnergyConsumption");
    WHOLE_GPU(d);
    CHECK(energy, NVML_ERROR_INVALID_ARGUMENT);
    int64_t v = 0;
    nvmlReturn_t rc = energy_mj(d, now(), &v);
    if (rc == NVML_SUCCESS) *energy = (unsigned long long)v;
    return leave(rc);
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t h, nvmlUtilization_t *util)
{
    ENTER("nvmlDeviceGetUtilizationRates");
    WHOLE_GPU(d);
    CHECK(util, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(!is_cut(d), NVML_ERROR_NOT_SUPPORTED);
    int64_t t = now(), gpu = 0, memory = 0;
    nvmlReturn_t rc = reading_mean(d, R_gpu_util, t - d->number[N_util_period], t, &gpu);
    if (rc == NVML_SUCCESS) rc = reading_mean(d, R_memory_util, t - d->number[N_util_period], t, &memory);
    if (rc == NVML_SUCCESS) *util = (nvmlUtilization_t){ .gpu = (unsigned)gpu, .memory = (unsigned)memory };
    return leave(rc);
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t h, nvmlClockType_t type, unsigned *clock)
{
    static const enum reading of[] = { R_clock_graphics, R_clock_sm, R_clock_memory, R_clock_video };
    ENTER_ARG("nvmlDeviceGetClockInfo", type);
    CHECK((unsigned)type < NVML_CLOCK_COUNT, NVML_ERROR_INVALID_ARGUMENT);
    return give(d, of[type], clock);
}

nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t h, nvmlClockType_t type, unsigned *clock)
{
    static const enum number of[] = { N_max_clock_graphics, N_max_clock_sm, N_max_clock_memory, N_max_clock_video };
    ENTER_ARG("nvmlDeviceGetMaxClockInfo", type);
    CHECK((unsigned)type < NVML_CLOCK_COUNT, NVML_ERROR_INVALID_ARGUMENT);
    return give_number(d, of[type], clock);
}

nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t h, nvmlPcieUtilCounter_t which, unsigned *value)
{
    ENTER_ARG("nvmlDeviceGetPcieThroughput", which);
    WHOLE_GPU(d);
    CHECK(value, NVML_ERROR_INVALID_ARGUMENT);
    CHECK((unsigned)which < NVML_PCIE_UTIL_COUNT, NVML_ERROR_INVALID_ARGUMENT);
    sleep_us(20000);                       /* as the driver does, with its lock held */
    int64_t t = now(), v = 0;              /* bytes per us; the call's unit is KB/s */
    nvmlReturn_t rc = reading_mean(d, which == NVML_PCIE_UTIL_TX_BYTES ? R_pcie_tx : R_pcie_rx, t - 20000, t, &v);
    if (rc == NVML_SUCCESS) *value = (unsigned)(v * 1000);
    return leave(rc);
}

/* give_memory splits a total into what is used, what is reserved and what is free. */
static nvmlReturn_t give_memory(const device *d, enum reading r, int64_t total, int64_t reserved,
                                unsigned long long *out_total, unsigned long long *out_free, unsigned long long *out_used)
{
    int64_t used = 0;
    CHECK(d->parent || d->number[N_mig_whole] == 1 || !is_cut(d), NVML_ERROR_NO_PERMISSION);
    nvmlReturn_t rc = reading(d, r, now(), &used);
    CHECK(rc == NVML_SUCCESS, rc);
    *out_total = (unsigned long long)total * MIB;
    *out_used = (unsigned long long)used * MIB;
    *out_free = (unsigned long long)(total - used - reserved) * MIB;
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t h, nvmlMemory_t *m)
{
    ENTER("nvmlDeviceGetMemoryInfo");
    CHECK(m, NVML_ERROR_INVALID_ARGUMENT);
    nvmlReturn_t rc = give_memory(d, R_memory_used, d->number[N_memory_total], d->number[N_memory_reserved], &m->total, &m->free, &m->used);
    if (rc == NVML_SUCCESS) m->used = m->total - m->free;  /* this version counts the reserved memory as used */
    return rc;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t h, nvmlMemory_v2_t *m)
{
    ENTER("nvmlDeviceGetMemoryInfo_v2");
    CHECK(m, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(m->version == nvmlMemory_v2, NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
    if (d->number[N_memory_short]) {
        nvmlMemory_t *old = (nvmlMemory_t *)m;
        return give_memory(d, R_memory_used, d->number[N_memory_total], d->number[N_memory_reserved], &old->total, &old->free, &old->used);
    }
    m->reserved = (unsigned long long)d->number[N_memory_reserved] * MIB;
    return give_memory(d, R_memory_used, d->number[N_memory_total], d->number[N_memory_reserved], &m->total, &m->free, &m->used);
}

nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t h, nvmlBAR1Memory_t *m)
{
    ENTER("nvmlDeviceGetBAR1MemoryInfo");
    CHECK(m, NVML_ERROR_INVALID_ARGUMENT);
    return give_memory(d, R_bar1_used, d->number[N_bar1_total], 0, &m->bar1Total, &m->bar1Free, &m->bar1Used);
}

nvmlReturn_t nvmlDeviceGetConfComputeProtectedMemoryUsage(nvmlDevice_t h, nvmlMemory_t *m)
{
    ENTER("nvmlDeviceGetConfComputeProtectedMemoryUsage");
    WHOLE_GPU(d);
    CHECK(m, NVML_ERROR_INVALID_ARGUMENT);
    return give_memory(d, R_protected_used, d->number[N_protected_total], 0, &m->total, &m->free, &m->used);
}

static nvmlReturn_t give_three(const device *d, enum reading first, unsigned *a, unsigned *b, unsigned *c)
{
    WHOLE_GPU(d);
    CHECK(a && b && c, NVML_ERROR_INVALID_ARGUMENT);
    unsigned *out[3] = { a, b, c };
    int64_t t = now();
    for (int i = 0; i < 3; i++) {
        int64_t v = 0;
        nvmlReturn_t rc = reading(d, first + (enum reading)i, t, &v);
        CHECK(rc == NVML_SUCCESS, rc);
        *out[i] = (unsigned)v;
    }
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceGetEncoderStats(nvmlDevice_t h, unsigned *sessions, unsigned *fps, unsigned *latency)
{
    ENTER("nvmlDeviceGetEncoderStats");
    return give_three(d, R_encoder_sessions, sessions, fps, latency);
}

nvmlReturn_t nvmlDeviceGetFBCStats(nvmlDevice_t h, nvmlFBCStats_t *s)
{
    ENTER("nvmlDeviceGetFBCStats");
    CHECK(s, NVML_ERROR_INVALID_ARGUMENT);
    return give_three(d, R_fbc_sessions, &s->sessionsCount, &s->averageFPS, &s->averageLatency);
}

nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t h, unsigned *corrected, unsigned *uncorrected, unsigned *pending, unsigned *failed)
{
    ENTER("nvmlDeviceGetRemappedRows");
    CHECK(failed, NVML_ERROR_INVALID_ARGUMENT);
    int64_t v = 0;
    nvmlReturn_t rc = reading(d, R_remapped_failure, now(), &v);
    CHECK(rc == NVML_SUCCESS, rc);
    *failed = (unsigned)v;
    return give_three(d, R_remapped_correctable, corrected, uncorrected, pending);
}
