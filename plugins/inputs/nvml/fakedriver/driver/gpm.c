/* GPM: a sample remembers its instant, and a metric is the exact mean of a time line between two. */
#include "fake.h"

struct nvmlGpmSample_st {
    const device *d;                       /* NULL while nothing was read into it */
    int64_t t;
};

#define SHARE 10.0                         /* per mille in one percent */
#define RATE (1048576.0 / 1e6)             /* MB/s in one MiB/s */

static const struct { unsigned id; enum reading reading; double per; const char *name, *unit; } metrics[] = {
    { NVML_GPM_METRIC_GRAPHICS_UTIL, R_gpm_graphics, SHARE, "Graphics Util", "%" },
    { NVML_GPM_METRIC_SM_UTIL, R_gpm_sm, SHARE, "SM Util", "%" },
    { NVML_GPM_METRIC_SM_OCCUPANCY, R_gpm_occupancy, SHARE, "SM Occupancy", "%" },
    { NVML_GPM_METRIC_INTEGER_UTIL, R_gpm_integer, SHARE, "Integer Util", "%" },
    { NVML_GPM_METRIC_ANY_TENSOR_UTIL, R_gpm_tensor, SHARE, "Tensor Util", "%" },
    { NVML_GPM_METRIC_DFMA_TENSOR_UTIL, R_gpm_dfma, SHARE, "DFMA Util", "%" },
    { NVML_GPM_METRIC_HMMA_TENSOR_UTIL, R_gpm_hmma, SHARE, "HMMA Util", "%" },
    { NVML_GPM_METRIC_DMMA_TENSOR_UTIL, R_gpm_dmma, SHARE, "DMMA Util", "%" },
    { NVML_GPM_METRIC_IMMA_TENSOR_UTIL, R_gpm_imma, SHARE, "IMMA Util", "%" },
    { NVML_GPM_METRIC_DRAM_BW_UTIL, R_gpm_dram, SHARE, "DRAM BW Util", "%" },
    { NVML_GPM_METRIC_FP64_UTIL, R_gpm_fp64, SHARE, "FP64 Util", "%" },
    { NVML_GPM_METRIC_FP32_UTIL, R_gpm_fp32, SHARE, "FP32 Util", "%" },
    { NVML_GPM_METRIC_FP16_UTIL, R_gpm_fp16, SHARE, "FP16 Util", "%" },
    { NVML_GPM_METRIC_PCIE_TX_PER_SEC, R_pcie_tx, RATE, "PCIe TX", "MiB/sec" },
    { NVML_GPM_METRIC_PCIE_RX_PER_SEC, R_pcie_rx, RATE, "PCIe RX", "MiB/sec" },
    { NVML_GPM_METRIC_NVDEC_0_UTIL, R_gpm_nvdec, SHARE, "NVDEC 0 Util", "%" },
    { NVML_GPM_METRIC_NVJPG_0_UTIL, R_gpm_nvjpg, SHARE, "NVJPG 0 Util", "%" },
    { NVML_GPM_METRIC_NVOFA_0_UTIL, R_gpm_nvofa, SHARE, "NVOFA 0 Util", "%" },
    { NVML_GPM_METRIC_NVLINK_TOTAL_RX_PER_SEC, R_nvlink_rx, RATE, "NVLink RX", "MiB/sec" },
    { NVML_GPM_METRIC_NVLINK_TOTAL_TX_PER_SEC, R_nvlink_tx, RATE, "NVLink TX", "MiB/sec" },
};

nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t h, nvmlGpmSupport_t *support)
{
    ENTER("nvmlGpmQueryDeviceSupport");
    CHECK(support, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(support->version == NVML_GPM_SUPPORT_VERSION, NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
    support->isSupportedDevice = d->number[N_gpm] == 1;
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlGpmSampleAlloc(nvmlGpmSample_t *out)
{
    ENTER_SYSTEM("nvmlGpmSampleAlloc");
    CHECK(out, NVML_ERROR_INVALID_ARGUMENT);
    out->handle = calloc(1, sizeof *out->handle);
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlGpmSampleFree(nvmlGpmSample_t sample)
{
    ENTER_SYSTEM("nvmlGpmSampleFree");
    free(sample.handle);
    return leave(NVML_SUCCESS);
}

static nvmlReturn_t take(const device *gpu, const device *d, nvmlGpmSample_t sample)
{
    CHECK(sample.handle, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(gpu->number[N_gpm] == 1, NVML_ERROR_NOT_SUPPORTED);
    int64_t t = now();
    if (gpu->number[N_gpm_refresh] > 0) t -= t % gpu->number[N_gpm_refresh];
    *sample.handle = (struct nvmlGpmSample_st){ .d = d, .t = t };
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlGpmSampleGet(nvmlDevice_t h, nvmlGpmSample_t sample)
{
    ENTER("nvmlGpmSampleGet");
    CHECK(!d->parent, NVML_ERROR_NOT_SUPPORTED);
    return take(d, d, sample);
}

nvmlReturn_t nvmlGpmMigSampleGet(nvmlDevice_t h, unsigned gi, nvmlGpmSample_t sample)
{
    ENTER_ARG("nvmlGpmMigSampleGet", gi);
    CHECK(!d->parent, NVML_ERROR_INVALID_ARGUMENT);
    for (int i = 0; i < d->nmig; i++)
        if (d->mig[i].gi == (int)gi && exists(&d->mig[i], now())) return take(d, &d->mig[i], sample);
    return leave(NVML_ERROR_NOT_FOUND);
}

static void measure(const device *d, int64_t from, int64_t to, nvmlGpmMetric_t *m)
{
    unsigned id = m->metricId, links = (unsigned)d->number[N_nvlinks];
    unsigned link = (id - NVML_GPM_METRIC_NVLINK_L0_RX_PER_SEC) / 2;
    bool of_link = id >= NVML_GPM_METRIC_NVLINK_L0_RX_PER_SEC && id <= NVML_GPM_METRIC_NVLINK_L17_TX_PER_SEC && link < links;
    if (of_link) id = NVML_GPM_METRIC_NVLINK_TOTAL_RX_PER_SEC + (id - NVML_GPM_METRIC_NVLINK_L0_RX_PER_SEC) % 2;
    m->nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
    m->value = 0;
    for (int i = 0; i < COUNT_OF(metrics); i++) {
        const struct timeline *l = &d->line[metrics[i].reading];
        if (metrics[i].id != id || !l->supported) continue;
        m->nvmlReturn = NVML_SUCCESS;
        m->value = (double)timeline_integral(l, from, to) / (double)(to - from) / metrics[i].per / (of_link ? links : 1);
        m->metricInfo.shortName = m->metricInfo.longName = (char *)metrics[i].name;
        m->metricInfo.unit = (char *)metrics[i].unit;
    }
}

nvmlReturn_t nvmlGpmMetricsGet(nvmlGpmMetricsGet_t *get)
{
    ENTER_SYSTEM("nvmlGpmMetricsGet");
    CHECK(get && get->sample1.handle && get->sample2.handle, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(get->version == NVML_GPM_METRICS_GET_VERSION, NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
    const struct nvmlGpmSample_st *a = get->sample1.handle, *b = get->sample2.handle;
    CHECK(a->d && a->d == b->d && is_ours(a->d) && a->t < b->t, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(get->numMetrics <= NVML_GPM_METRIC_MAX, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(!is_lost(a->d, now()), NVML_ERROR_GPU_IS_LOST);
    CHECK(exists(a->d, a->t) && exists(a->d, b->t), NVML_ERROR_INVALID_ARGUMENT);
    for (unsigned i = 0; i < get->numMetrics; i++) {
        get->metrics[i].nvmlReturn = rule_error(here.name, a->d, get->metrics[i].metricId);
        if (get->metrics[i].nvmlReturn == NVML_SUCCESS) measure(a->d, a->t, b->t, &get->metrics[i]);
    }
    return leave(NVML_SUCCESS);
}
