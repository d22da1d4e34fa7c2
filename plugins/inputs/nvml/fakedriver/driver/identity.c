/* The calls that say what there is: the system, handles, names and facts that never change. */
#include "fake.h"

static nvmlReturn_t give_text(const char *text, char *out, unsigned length)
{
    CHECK(out, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(*text, NVML_ERROR_NOT_SUPPORTED);
    CHECK(strlen(text) < length, NVML_ERROR_INSUFFICIENT_SIZE);
    strcpy(out, text);
    return leave(NVML_SUCCESS);
}

static const char *uuid(const device *d, char *room)
{
    if (*d->text[T_uuid]) return d->text[T_uuid];
    if (d->parent) sprintf(room, "MIG-fa4e0000-%04x-%04x-%04x-000000000000", d->index, d->gi, d->ci);
    else sprintf(room, "GPU-fa4e0000-0000-0000-0000-%012x", d->index);
    return room;
}

static void pci(const device *d, nvmlPciInfo_t *out)
{
    memset(out, 0, sizeof *out);
    if (d->parent) d = d->parent;
    out->domain = (unsigned)d->number[N_pci_domain];
    out->bus = (unsigned)(d->number[N_pci_bus] < 0 ? 16 * d->index + 0x0f : d->number[N_pci_bus]);
    out->device = (unsigned)d->number[N_pci_device];
    out->pciDeviceId = (unsigned)d->number[N_pci_id];
    out->pciSubSystemId = (unsigned)d->number[N_pci_subsystem];
    snprintf(out->busIdLegacy, sizeof out->busIdLegacy, NVML_DEVICE_PCI_BUS_ID_LEGACY_FMT, out->domain & 0xffff, out->bus & 0xff, out->device & 0xff);
    snprintf(out->busId, sizeof out->busId, NVML_DEVICE_PCI_BUS_ID_FMT, out->domain, out->bus & 0xff, out->device & 0xff);
}

const char *nvmlErrorString(nvmlReturn_t code)
{
    static const char *const text[] = {
        "Success", "Uninitialized", "Invalid Argument", "Not Supported", "Insufficient Permissions", "Already Initialized",
        "Not Found", "Insufficient Size", "Insufficient External Power", "Driver Not Loaded", "Timeout", "Interrupt Request Issue",
        "NVML Shared Library Not Found", "Function Not Found", "Corrupted infoROM", "GPU is lost", "GPU requires reset",
        "GPU access blocked by the operating system", "Driver/library version mismatch", "In use", "Insufficient Memory", "No data",
        "The requested vgpu operation is not available on target device because ECC is enabled", "Insufficient Resources",
        "Frequency not supported", "Argument version mismatch", "Deprecated", "Not Ready", "GPU Not Found", "Invalid State",
    };
    return (unsigned)code < (unsigned)COUNT_OF(text) ? text[code] : "Unknown Error";
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned length)
{
    ENTER_SYSTEM("nvmlSystemGetDriverVersion");
    bool upgraded = now() >= state.sc->mismatch && *state.sc->mismatch_driver;
    return give_text(upgraded ? state.sc->mismatch_driver : state.sc->driver, version, length);
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned length)
{
    ENTER_SYSTEM("nvmlSystemGetNVMLVersion");
    char text[100];
    snprintf(text, sizeof text, "%d.%s", state.sc->cuda / 1000, state.sc->driver);
    return give_text(text, version, length);
}

static nvmlReturn_t give_cuda(int *version)
{
    CHECK(version, NVML_ERROR_INVALID_ARGUMENT);
    *version = state.sc->cuda;
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version)
{
    ENTER_SYSTEM("nvmlSystemGetCudaDriverVersion");
    return give_cuda(version);
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    ENTER_SYSTEM("nvmlSystemGetCudaDriverVersion_v2");
    return give_cuda(version);
}

static nvmlReturn_t give_count(unsigned *count)
{
    device *list[MAX_GPUS];
    CHECK(count, NVML_ERROR_INVALID_ARGUMENT);
    *count = (unsigned)visible(list);
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count)
{
    ENTER_SYSTEM("nvmlDeviceGetCount_v2");
    return give_count(count);
}

nvmlReturn_t nvmlDeviceGetCount(unsigned *count)
{
    ENTER_SYSTEM("nvmlDeviceGetCount");
    return give_count(count);
}

/* A handle of a lost GPU cannot be had, nor one that the scenario's errors for this call name. */
static nvmlReturn_t give_handle(const char *call, device *d, nvmlDevice_t *out)
{
    CHECK(!is_lost(d, now()), NVML_ERROR_GPU_IS_LOST);
    nvmlReturn_t rc = rule_error(call, d, d->index);
    if (rc == NVML_SUCCESS) out->handle = d;
    return leave(rc);
}

static nvmlReturn_t give_nth(const char *call, unsigned index, nvmlDevice_t *out)
{
    device *list[MAX_GPUS];
    CHECK(out && (int)index < visible(list) && (int)index >= 0, NVML_ERROR_INVALID_ARGUMENT);
    return give_handle(call, list[index], out);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *out)
{
    ENTER_SYSTEM("nvmlDeviceGetHandleByIndex_v2");
    return give_nth(here.name, index, out);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned index, nvmlDevice_t *out)
{
    ENTER_SYSTEM("nvmlDeviceGetHandleByIndex");
    return give_nth(here.name, index, out);
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *id, nvmlDevice_t *out)
{
    ENTER_SYSTEM("nvmlDeviceGetHandleByUUID");
    device *list[MAX_GPUS];
    char room[64];
    CHECK(id && out, NVML_ERROR_INVALID_ARGUMENT);
    for (int i = 0, n = visible(list); i < n; i++) {
        if (strcmp(uuid(list[i], room), id) == 0) return give_handle(here.name, list[i], out);
        for (int m = 0; m < list[i]->nmig; m++)
            if (strcmp(uuid(&list[i]->mig[m], room), id) == 0) return give_handle(here.name, &list[i]->mig[m], out);
    }
    return leave(NVML_ERROR_NOT_FOUND);
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *id, nvmlDevice_t *out)
{
    ENTER_SYSTEM("nvmlDeviceGetHandleByPciBusId_v2");
    device *list[MAX_GPUS];
    nvmlPciInfo_t p;
    unsigned domain, bus, dev;
    CHECK(id && out, NVML_ERROR_INVALID_ARGUMENT);
    if (sscanf(id, "%x:%x:%x", &domain, &bus, &dev) != 3) {
        domain = 0;
        CHECK(sscanf(id, "%x:%x", &bus, &dev) == 2, NVML_ERROR_INVALID_ARGUMENT);
    }
    for (int i = 0, n = visible(list); i < n; i++) {
        pci(list[i], &p);
        if (p.domain == domain && p.bus == bus && p.device == dev) return give_handle(here.name, list[i], out);
    }
    return leave(NVML_ERROR_NOT_FOUND);
}

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t h, unsigned *index)
{
    ENTER("nvmlDeviceGetIndex");
    device *list[MAX_GPUS];
    CHECK(index, NVML_ERROR_INVALID_ARGUMENT);
    for (int m = 0; d->parent && m < d->parent->nmig; m++)
        if (&d->parent->mig[m] == d) *index = (unsigned)m;
    for (int i = 0, n = visible(list); !d->parent && i < n; i++)
        if (list[i] == d) *index = (unsigned)i;
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t h, char *out, unsigned length)
{
    ENTER("nvmlDeviceGetUUID");
    char room[64];
    return give_text(uuid(d, room), out, length);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t h, char *out, unsigned length)
{
    ENTER("nvmlDeviceGetName");
    char name[256];
    if (!d->parent) return give_text(d->text[T_name], out, length);
    snprintf(name, sizeof name, "%s MIG %ug.%ugb", d->parent->text[T_name], d->mig_slices, (d->mig_memory + 1023) / 1024);
    return give_text(name, out, length);
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t h, nvmlPciInfo_t *out)
{
    ENTER("nvmlDeviceGetPciInfo_v3");
    CHECK(out, NVML_ERROR_INVALID_ARGUMENT);
    pci(d, out);
    return leave(NVML_SUCCESS);
}

/* The second version has the same record, whose last member it does not know; the first ends before the two last. */
nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t h, nvmlPciInfo_t *out)
{
    ENTER("nvmlDeviceGetPciInfo_v2");
    CHECK(out, NVML_ERROR_INVALID_ARGUMENT);
    pci(d, out);
    memset(out->busId, 0, sizeof out->busId);
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceGetPciInfo(nvmlDevice_t h, nvmlPciInfo_t *out)
{
    ENTER("nvmlDeviceGetPciInfo");
    CHECK(out, NVML_ERROR_INVALID_ARGUMENT);
    nvmlPciInfo_t all;
    pci(d, &all);
    memcpy(out, &all, __builtin_offsetof(nvmlPciInfo_t, pciSubSystemId));
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t h, unsigned *minor)
{
    ENTER("nvmlDeviceGetMinorNumber");
    CHECK(minor, NVML_ERROR_INVALID_ARGUMENT);
    *minor = (unsigned)(d->number[N_minor] < 0 ? d->index : d->number[N_minor]);
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceGetSerial(nvmlDevice_t h, char *out, unsigned length)
{
    ENTER("nvmlDeviceGetSerial");
    char room[32];
    snprintf(room, sizeof room, "1320000000%03d", d->index);
    return give_text(*d->text[T_serial] ? d->text[T_serial] : room, out, length);
}

#define TEXT_CALL(function, what)                                                       \
    nvmlReturn_t nvmlDevice##function(nvmlDevice_t h, char *out, unsigned length)       \
    {                                                                                   \
        ENTER("nvmlDevice" #function);                                                  \
        return give_text(d->text[what], out, length);                                   \
    }
TEXT_CALL(GetVbiosVersion, T_vbios)
TEXT_CALL(GetInforomImageVersion, T_inforom)
TEXT_CALL(GetBoardPartNumber, T_board)

nvmlReturn_t nvmlDeviceGetGspFirmwareVersion(nvmlDevice_t h, char *out)
{
    ENTER("nvmlDeviceGetGspFirmwareVersion");
    return give_text(d->text[T_gsp], out, NVML_GSP_FIRMWARE_VERSION_BUF_SIZE);
}

static nvmlReturn_t give_fact(const device *d, enum number n, unsigned *out)
{
    int64_t v = 0;
    CHECK(out, NVML_ERROR_INVALID_ARGUMENT);
    nvmlReturn_t rc = number(d->parent ? d->parent : d, n, &v);
    if (rc == NVML_SUCCESS) *out = (unsigned)v;
    return leave(rc);
}

#define FACT_CALL(function, type, what)                            \
    nvmlReturn_t nvmlDevice##function(nvmlDevice_t h, type *out)   \
    {                                                              \
        ENTER("nvmlDevice" #function);                             \
        return give_fact(d, what, (unsigned *)out);                \
    }
FACT_CALL(GetArchitecture, nvmlDeviceArchitecture_t, N_architecture)
FACT_CALL(GetComputeMode, nvmlComputeMode_t, N_compute_mode)
FACT_CALL(GetPersistenceMode, nvmlEnableState_t, N_persistence_mode)
FACT_CALL(GetVirtualizationMode, nvmlGpuVirtualizationMode_t, N_virtualization_mode)

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t h, int *major, int *minor)
{
    ENTER("nvmlDeviceGetCudaComputeCapability");
    CHECK(major && minor, NVML_ERROR_INVALID_ARGUMENT);
    *minor = (int)d->number[N_compute_minor];
    return give_fact(d, N_compute_major, (unsigned *)major);
}

nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t h, nvmlEnableState_t *current, nvmlEnableState_t *pending)
{
    ENTER("nvmlDeviceGetEccMode");
    CHECK(pending, NVML_ERROR_INVALID_ARGUMENT);
    *pending = (nvmlEnableState_t)d->number[N_ecc_mode];
    return give_fact(d, N_ecc_mode, (unsigned *)current);
}

nvmlReturn_t nvmlDeviceGetGpuFabricInfoV(nvmlDevice_t h, nvmlGpuFabricInfoV_t *info)
{
    ENTER("nvmlDeviceGetGpuFabricInfoV");
    CHECK(info, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(info->version == nvmlGpuFabricInfo_v2 || info->version == nvmlGpuFabricInfo_v3, NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
    int64_t fabric = 0;
    nvmlReturn_t rc = number(d, N_fabric_state, &fabric);
    CHECK(rc == NVML_SUCCESS, rc);
    memset(info->clusterUuid, 0, sizeof info->clusterUuid);
    info->state = (nvmlGpuFabricState_t)fabric;
    info->status = (nvmlReturn_t)d->number[N_fabric_status];
    info->cliqueId = 0;
    info->healthMask = (unsigned)d->number[N_fabric_health];
    if (info->version == nvmlGpuFabricInfo_v3) info->healthSummary = (unsigned char)d->number[N_fabric_summary];
    return leave(NVML_SUCCESS);
}
