/* Event sets. An event is delivered once to each set in which its GPU was registered before it happened. */
#include "fake.h"

struct nvmlEventSet_st {
    const struct scenario *sc;
    int generation;                        /* of the scenario: a set is void once another was read */
    struct { device *d; unsigned long long types; int64_t since; } of[MAX_GPUS];
    int n;
    bool spoilt;
    bool *delivered;
};

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *out)
{
    ENTER_SYSTEM("nvmlEventSetCreate");
    CHECK(out, NVML_ERROR_INVALID_ARGUMENT);
    out->handle = calloc(1, sizeof *out->handle);
    out->handle->sc = state.sc;
    out->handle->generation = state.generation;
    out->handle->delivered = calloc((size_t)state.sc->nevents + 1, sizeof(bool));
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set)
{
    ENTER_SYSTEM("nvmlEventSetFree");
    CHECK(set.handle, NVML_ERROR_INVALID_ARGUMENT);
    free(set.handle->delivered);
    free(set.handle);
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t h, unsigned long long *types)
{
    ENTER("nvmlDeviceGetSupportedEventTypes");
    CHECK(types, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(!d->parent && d->number[N_event_types] != -1, NVML_ERROR_NOT_SUPPORTED);
    *types = (unsigned long long)d->number[N_event_types];
    return leave(NVML_SUCCESS);
}

nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t h, unsigned long long types, nvmlEventSet_t set)
{
    ENTER("nvmlDeviceRegisterEvents");
    struct nvmlEventSet_st *s = set.handle;
    CHECK(s && s->generation == state.generation, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(!d->parent && d->number[N_event_types] != -1, NVML_ERROR_NOT_SUPPORTED);
    CHECK((types & ~(unsigned long long)d->number[N_event_types]) == 0, NVML_ERROR_NOT_SUPPORTED);
    s->spoilt = s->spoilt || d->number[N_events_refused] == NVML_ERROR_UNKNOWN;
    CHECK(d->number[N_events_refused] == 0, (nvmlReturn_t)d->number[N_events_refused]);
    int i = 0;
    while (i < s->n && s->of[i].d != d) i++;
    CHECK(i < MAX_GPUS, NVML_ERROR_INSUFFICIENT_RESOURCES);
    if (i == s->n) {
        s->n++;
        s->of[i].d = d;
        s->of[i].types = 0;
        s->of[i].since = now();
    }
    s->of[i].types |= types;
    return leave(NVML_SUCCESS);
}

/* next finds the first event that the set has still to deliver, now or later, -1 for none. */
static int next(const struct nvmlEventSet_st *s)
{
    for (int i = 0; i < s->sc->nevents; i++) {
        const struct event *e = &s->sc->events[i];
        for (int j = 0; j < s->n && !s->delivered[i]; j++)
            if (s->of[j].d->index == e->gpu && (s->of[j].types & e->type) && e->t > s->of[j].since) return i;
    }
    return -1;
}

/* wait_event gives up when timeout has passed on the scenario's clock or in real time. */
static nvmlReturn_t wait_event(nvmlEventSet_t set, nvmlEventData_t *out, unsigned timeout_ms)
{
    struct nvmlEventSet_st *s = set.handle;
    CHECK(s && out && s->generation == state.generation, NVML_ERROR_INVALID_ARGUMENT);
    CHECK(!s->spoilt, NVML_ERROR_UNKNOWN);
    const struct scenario *sc = state.sc;
    int64_t timeout = (int64_t)timeout_ms * 1000, begin = now();
    for (int64_t waited = 0; ;) {
        int i = next(s);
        const struct event *e = &sc->events[i < 0 ? 0 : i];
        int64_t t = now();
        if (i >= 0 && e->t <= t) {
            s->delivered[i] = true;
            memset(out, 0, sizeof *out);
            out->device.handle = sc->gpu[e->gpu];
            out->eventType = e->type;
            out->eventData = e->data;
            out->gpuInstanceId = e->gi;
            out->computeInstanceId = e->ci;
            return leave(NVML_SUCCESS);
        }
        int64_t pause = timeout - (waited > t - begin ? waited : t - begin);
        CHECK(pause > 0, NVML_ERROR_TIMEOUT);
        if (i >= 0 && e->t - t < pause) pause = e->t - t;
        if (sc->clock && pause > 5000) pause = 5000;  /* a clock of a test may leap at any moment */
        wait_outside(pause);
        waited += pause;
        CHECK(state.sc == sc, NVML_ERROR_UNINITIALIZED);
        nvmlReturn_t rc = standing(false);
        CHECK(rc == NVML_SUCCESS, rc);
    }
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *out, unsigned timeout_ms)
{
    ENTER_SYSTEM("nvmlEventSetWait_v2");
    return wait_event(set, out, timeout_ms);
}

nvmlReturn_t nvmlEventSetWait(nvmlEventSet_t set, nvmlEventData_t *out, unsigned timeout_ms)
{
    ENTER_SYSTEM("nvmlEventSetWait");
    return wait_event(set, out, timeout_ms);
}
