/* GetFieldValues. */
#include "fake.h"

#define EVERY_LINK 0xffffffffu             /* scopeId of the NVLink counters */

static const struct { unsigned id; enum reading reading; nvmlValueType_t type; } plain[] = {
    { NVML_FI_DEV_ECC_SBE_VOL_TOTAL, R_ecc_corrected, NVML_VALUE_TYPE_UNSIGNED_LONG_LONG },
    { NVML_FI_DEV_ECC_DBE_VOL_TOTAL, R_ecc_uncorrected, NVML_VALUE_TYPE_UNSIGNED_LONG_LONG },
    { NVML_FI_DEV_ECC_SBE_AGG_TOTAL, R_ecc_corrected_aggregate, NVML_VALUE_TYPE_UNSIGNED_LONG_LONG },
    { NVML_FI_DEV_ECC_DBE_AGG_TOTAL, R_ecc_uncorrected_aggregate, NVML_VALUE_TYPE_UNSIGNED_LONG_LONG },
    { NVML_FI_DEV_RETIRED_SBE, R_retired_sbe, NVML_VALUE_TYPE_UNSIGNED_LONG_LONG },
    { NVML_FI_DEV_RETIRED_DBE, R_retired_dbe, NVML_VALUE_TYPE_UNSIGNED_LONG_LONG },
    { NVML_FI_DEV_RETIRED_PENDING, R_retired_pending, NVML_VALUE_TYPE_UNSIGNED_LONG_LONG },
    { NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL, R_nvlink_flit_errors, NVML_VALUE_TYPE_UNSIGNED_LONG_LONG },
    { NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL, R_nvlink_replay_errors, NVML_VALUE_TYPE_UNSIGNED_LONG_LONG },
    { NVML_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL, R_nvlink_recovery_errors, NVML_VALUE_TYPE_UNSIGNED_LONG_LONG },
    { NVML_FI_DEV_MEMORY_TEMP, R_memory_temperature, NVML_VALUE_TYPE_UNSIGNED_INT },
    { NVML_FI_DEV_PCIE_REPLAY_COUNTER, R_pcie_replay, NVML_VALUE_TYPE_UNSIGNED_INT },
    { NVML_FI_DEV_REMAPPED_COR, R_remapped_correctable, NVML_VALUE_TYPE_UNSIGNED_INT },
    { NVML_FI_DEV_REMAPPED_UNC, R_remapped_uncorrectable, NVML_VALUE_TYPE_UNSIGNED_INT },
    { NVML_FI_DEV_REMAPPED_PENDING, R_remapped_pending, NVML_VALUE_TYPE_UNSIGNED_INT },
    { NVML_FI_DEV_REMAPPED_FAILURE, R_remapped_failure, NVML_VALUE_TYPE_UNSIGNED_INT },
    { NVML_FI_DEV_GET_GPU_RECOVERY_ACTION, R_recovery_action, NVML_VALUE_TYPE_UNSIGNED_INT },
};

static const struct { unsigned id; enum number number; nvmlValueType_t type; } facts[] = {
    { NVML_FI_DEV_ECC_CURRENT, N_ecc_mode, NVML_VALUE_TYPE_UNSIGNED_INT },
    { NVML_FI_DEV_ECC_PENDING, N_ecc_mode, NVML_VALUE_TYPE_UNSIGNED_INT },
    { NVML_FI_DEV_NVLINK_LINK_COUNT, N_nvlinks, NVML_VALUE_TYPE_UNSIGNED_INT },
    { NVML_FI_DEV_POWER_MIN_LIMIT, N_power_min_limit, NVML_VALUE_TYPE_UNSIGNED_INT },
    { NVML_FI_DEV_POWER_MAX_LIMIT, N_power_max_limit, NVML_VALUE_TYPE_UNSIGNED_INT },
    { NVML_FI_DEV_POWER_DEFAULT_LIMIT, N_power_default_limit, NVML_VALUE_TYPE_UNSIGNED_INT },
    { NVML_FI_DEV_POWER_REQUESTED_LIMIT, N_power_requested_limit, NVML_VALUE_TYPE_UNSIGNED_INT },
    { NVML_FI_DEV_TEMPERATURE_SHUTDOWN_TLIMIT, N_tlimit_shutdown, NVML_VALUE_TYPE_SIGNED_INT },
    { NVML_FI_DEV_TEMPERATURE_SLOWDOWN_TLIMIT, N_tlimit_slowdown, NVML_VALUE_TYPE_SIGNED_INT },
    { NVML_FI_DEV_TEMPERATURE_MEM_MAX_TLIMIT, N_tlimit_memory, NVML_VALUE_TYPE_SIGNED_INT },
    { NVML_FI_DEV_TEMPERATURE_GPU_MAX_TLIMIT, N_tlimit_gpu, NVML_VALUE_TYPE_SIGNED_INT },
};

static const struct { unsigned id; int64_t bit; } throttles[] = {
    { NVML_FI_DEV_PERF_POLICY_POWER, nvmlClocksEventReasonSwPowerCap },
    { NVML_FI_DEV_PERF_POLICY_SYNC_BOOST, nvmlClocksEventReasonSyncBoost },
    { NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN, nvmlClocksEventReasonSwThermalSlowdown },
    { NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN, nvmlClocksThrottleReasonHwThermalSlowdown },
    { NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN, nvmlClocksThrottleReasonHwPowerBrakeSlowdown },
};

static const struct { unsigned id; enum reading reading; } policies[] = {
    { NVML_FI_DEV_PERF_POLICY_THERMAL, R_policy_thermal },
    { NVML_FI_DEV_PERF_POLICY_BOARD_LIMIT, R_policy_board_limit },
    { NVML_FI_DEV_PERF_POLICY_LOW_UTILIZATION, R_policy_low_utilization },
    { NVML_FI_DEV_PERF_POLICY_RELIABILITY, R_policy_reliability },
    { NVML_FI_DEV_PERF_POLICY_TOTAL_APP_CLOCKS, R_policy_app_clocks },
    { NVML_FI_DEV_PERF_POLICY_TOTAL_BASE_CLOCKS, R_policy_base_clocks },
};

/* power answers fields 185, 186 and 190, whose scope is the GPU, the module or the memory. */
static nvmlReturn_t power(const device *d, const nvmlFieldValue_t *f, int64_t t, int64_t *v)
{
    static const enum reading drawn[] = { R_power, R_module_power, R_memory_power };
    static const enum reading limit[] = { R_power_limit, R_module_power_limit };
    if (f->scopeId >= NVML_POWER_SCOPE_COUNT) return NVML_ERROR_INVALID_ARGUMENT;
    if (f->fieldId == NVML_FI_DEV_POWER_CURRENT_LIMIT)
        return f->scopeId < 2 ? reading(d, limit[f->scopeId], t, v) : NVML_ERROR_NOT_SUPPORTED;
    if (f->scopeId > 2) return NVML_ERROR_NOT_SUPPORTED;
    if (f->fieldId == NVML_FI_DEV_POWER_INSTANT) return reading(d, drawn[f->scopeId], t, v);
    return d->number[N_power_average] == 1 ? power_1s(d, drawn[f->scopeId], t, v) : NVML_ERROR_NOT_SUPPORTED;
}

/* is_nvlink4 tells of a field of NVLink that version 5 has not, is_nvlink5 of one that came with it. */
static bool is_nvlink4(unsigned id)
{
    return (id >= NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_L0 && id <= NVML_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL) ||
        (id >= NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX && id <= NVML_FI_DEV_NVLINK_THROUGHPUT_RAW_RX);
}

static bool is_nvlink5(unsigned id)
{
    return id >= NVML_FI_DEV_NVLINK_COUNT_XMIT_PACKETS && id <= NVML_FI_DEV_NVLINK_COUNT_SYMBOL_BER;
}

/* nvlink5 answers a field of version 5: of one link, or of all that there are. */
static nvmlReturn_t nvlink5(const device *d, const nvmlFieldValue_t *f, int64_t t, int64_t *v)
{
    int64_t links = d->number[N_nvlinks];
    if (links <= 0) return NVML_ERROR_NOT_SUPPORTED;
    if (f->scopeId != EVERY_LINK && f->scopeId >= links) return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t rc;
    switch (f->fieldId) {
    case NVML_FI_DEV_NVLINK_COUNT_XMIT_BYTES: rc = counter(d, R_nvlink_tx, t, v); break;
    case NVML_FI_DEV_NVLINK_COUNT_RCV_BYTES: rc = counter(d, R_nvlink_rx, t, v); break;
    case NVML_FI_DEV_NVLINK_COUNT_LINK_RECOVERY_EVENTS: rc = reading(d, R_nvlink_recovery_errors, t, v); break;
    default: return NVML_ERROR_NOT_SUPPORTED;
    }
    if (f->scopeId != EVERY_LINK) *v /= links;
    return rc;
}

static nvmlReturn_t nvlink(const device *d, const nvmlFieldValue_t *f, int64_t t, int64_t *v)
{
    bool tx = f->fieldId == NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX || f->fieldId == NVML_FI_DEV_NVLINK_THROUGHPUT_RAW_TX;
    int64_t links = d->number[N_nvlinks];
    if (links <= 0) return NVML_ERROR_NOT_SUPPORTED;
    if (f->scopeId != EVERY_LINK && f->scopeId >= links) return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t rc = counter(d, tx ? R_nvlink_tx : R_nvlink_rx, t, v);
    if (f->fieldId >= NVML_FI_DEV_NVLINK_THROUGHPUT_RAW_TX) *v += *v / 8;   /* headers */
    if (f->scopeId != EVERY_LINK) *v /= links;
    *v /= 1024;                                                            /* the field's unit is KiB */
    return rc;
}

static nvmlReturn_t pcie(const device *d, unsigned id, int64_t t, int64_t *v)
{
    nvmlReturn_t rc = counter(d, id == NVML_FI_DEV_PCIE_COUNT_TX_BYTES ? R_pcie_tx : R_pcie_rx, t, v);
    *v += d->number[N_pcie_start];
    if (d->number[N_pcie_bits] < 63) *v &= (1ll << d->number[N_pcie_bits]) - 1;
    return rc;
}

/* in_header gives the number in nvml.h of what the driver knows by another: those from 251 to 273 moved with
 * 580.82, where power smoothing took the numbers of the throttle times. */
static unsigned in_header(unsigned id)
{
    if (driver_since(580, 82) || id < 251 || id > 273) return id;
    return id <= 253 ? id - 251 + NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN : 0;
}

static nvmlReturn_t field(const device *d, nvmlFieldValue_t *f, unsigned id, int64_t t, int64_t *v)
{
    f->valueType = NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
    if (d->number[N_nvlink_version] >= 5 ? is_nvlink4(id) : is_nvlink5(id)) return NVML_ERROR_NOT_SUPPORTED;
    if (is_nvlink5(id)) return nvlink5(d, f, t, v);
    for (int i = 0; i < COUNT_OF(plain); i++) {
        if (plain[i].id != id) continue;
        f->valueType = plain[i].type;
        return reading(d, plain[i].reading, t, v);
    }
    for (int i = 0; i < COUNT_OF(facts); i++) {
        if (facts[i].id != id) continue;
        f->valueType = facts[i].type;
        *v = d->number[facts[i].number];
        return *v == -1 && f->valueType != NVML_VALUE_TYPE_SIGNED_INT ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
    }
    for (int i = 0; i < COUNT_OF(throttles); i++) {
        if (throttles[i].id != id) continue;
        if (!d->line[R_throttle].supported) return NVML_ERROR_NOT_SUPPORTED;
        *v = throttle_ns(d, throttles[i].bit, t);
        return NVML_SUCCESS;
    }
    for (int i = 0; i < COUNT_OF(policies); i++) {
        if (policies[i].id != id) continue;
        nvmlReturn_t rc = counter(d, policies[i].reading, t, v);
        *v *= 1000;
        return rc;
    }
    switch (id) {
    case NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION:
    case NVML_FI_DEV_ENERGY:
        return energy_mj(d, t, v);
    case NVML_FI_DEV_PCIE_COUNT_TX_BYTES:
    case NVML_FI_DEV_PCIE_COUNT_RX_BYTES:
        return pcie(d, id, t, v);
    case NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX:
    case NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX:
    case NVML_FI_DEV_NVLINK_THROUGHPUT_RAW_TX:
    case NVML_FI_DEV_NVLINK_THROUGHPUT_RAW_RX:
        return nvlink(d, f, t, v);
    case NVML_FI_DEV_POWER_AVERAGE:
    case NVML_FI_DEV_POWER_INSTANT:
    case NVML_FI_DEV_POWER_CURRENT_LIMIT:
        f->valueType = NVML_VALUE_TYPE_UNSIGNED_INT;
        return power(d, f, t, v);
    }
    return NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t h, int count, nvmlFieldValue_t *values)
{
    ENTER("nvmlDeviceGetFieldValues");
    CHECK(values && count > 0, NVML_ERROR_INVALID_ARGUMENT);
    int64_t t = now();
    int given = 0;
    for (int i = 0; i < count; i++) {
        nvmlFieldValue_t *f = &values[i];
        int64_t v = 0;
        f->timestamp = epoch_at(t);
        f->latencyUsec = 0;
        f->nvmlReturn = rule_error(here.name, d, f->fieldId);
        if (f->nvmlReturn == NVML_SUCCESS) f->nvmlReturn = d->parent ? NVML_ERROR_NOT_SUPPORTED : field(d, f, in_header(f->fieldId), t, &v);
        f->value.ullVal = 0xa5a5a5a500000000;  /* the driver writes no more of it than the value has */
        if (f->nvmlReturn != NVML_SUCCESS) continue;
        given++;
        if (f->valueType == NVML_VALUE_TYPE_UNSIGNED_INT) f->value.uiVal = (unsigned)v;
        else if (f->valueType == NVML_VALUE_TYPE_SIGNED_INT) f->value.siVal = (int)v;
        else f->value.ullVal = (unsigned long long)v;
    }
    return leave(given ? NVML_SUCCESS : (nvmlReturn_t)d->number[N_fields_all_refused]);
}
