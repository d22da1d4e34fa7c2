/* The sizes that Go's side of the calls has for these records; a test checks the same numbers there. */
#include "fake.h"

_Static_assert(sizeof(nvmlSample_t) == 16, "");
_Static_assert(sizeof(nvmlFieldValue_t) == 40, "");
_Static_assert(sizeof(nvmlMemory_v2_t) == 40, "");
_Static_assert(sizeof(nvmlTemperature_t) == 12, "");
_Static_assert(sizeof(nvmlPciInfo_t) == 68, "");
_Static_assert(sizeof(nvmlProcessInfo_v1_t) == 16, "");
_Static_assert(sizeof(nvmlProcessInfo_t) == 24, "");
_Static_assert(sizeof(nvmlProcessUtilizationSample_t) == 32, "");
_Static_assert(sizeof(nvmlProcessUtilizationInfo_v1_t) == 40, "");
_Static_assert(sizeof(nvmlProcessesUtilizationInfo_v1_t) == 24, "");
_Static_assert(sizeof(nvmlEventData_t) == 32, "");
_Static_assert(sizeof(nvmlGpmMetric_t) == 40, "");
_Static_assert(sizeof(nvmlDeviceAttributes_t) == 40, "");
_Static_assert(sizeof(nvmlGpuFabricInfoV_t) == 40, "");
_Static_assert(sizeof(nvmlDevice_t) == sizeof(void *), "");
