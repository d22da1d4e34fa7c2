/* MIG: instances of a GPU, with handles of their own. */
#include "fake.h"

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t h, unsigned *current, unsigned *pending)
{
    ENTER("nvmlDeviceGetMigMode");
    CHECK(current && pending, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(!d->parent && d->number[N_mig_mode] >= 0, NVML_ERROR_NOT_SUPPORTED);
    *current = *pending = is_cut(d);
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t h, unsigned *count)
{
    ENTER("nvmlDeviceGetMaxMigDeviceCount");
    CHECK(count, NVML_ERROR_INVALID_ARGUMENT);
    *count = d->number[N_mig_mode] < 0 ? 0 : d->nmig > 7 ? (unsigned)d->nmig : 7;
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t h, unsigned index, nvmlDevice_t *out)
{
    ENTER("nvmlDeviceGetMigDeviceHandleByIndex");
    CHECK(out, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(!d->parent && is_cut(d), NVML_ERROR_NOT_SUPPORTED);
    CHECK(index < (unsigned)d->nmig && exists(&d->mig[index], now()), NVML_ERROR_NOT_FOUND);
    out->handle = &d->mig[index];
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t h, unsigned *is)
{
    ENTER("nvmlDeviceIsMigDeviceHandle");
    CHECK(is, NVML_ERROR_INVALID_ARGUMENT);
    *is = d->parent != NULL;
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t h, unsigned *id)
{
    ENTER("nvmlDeviceGetGpuInstanceId");
    CHECK(id, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(d->parent, NVML_ERROR_NOT_SUPPORTED);
    *id = (unsigned)d->gi;
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t h, unsigned *id)
{
    ENTER("nvmlDeviceGetComputeInstanceId");
    CHECK(id, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(d->parent, NVML_ERROR_NOT_SUPPORTED);
    *id = (unsigned)d->ci;
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t h, nvmlDevice_t *out)
{
    ENTER("nvmlDeviceGetDeviceHandleFromMigDeviceHandle");
    CHECK(out && d->parent, NVML_ERROR_INVALID_ARGUMENT);
    out->handle = d->parent;
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t h, nvmlDeviceAttributes_t *out)
{
    ENTER("nvmlDeviceGetAttributes_v2");
    CHECK(out, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(d->parent, NVML_ERROR_NOT_SUPPORTED);
    *out = (nvmlDeviceAttributes_t){
        .multiprocessorCount = d->mig_sm, .sharedCopyEngineCount = d->mig_slices,
        .gpuInstanceSliceCount = d->mig_slices, .computeInstanceSliceCount = d->mig_slices, .memorySizeMB = d->mig_memory,
    };
    return leave(NVML_SUCCESS);
}
