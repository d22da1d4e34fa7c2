/* Values over time. All sums are of whole numbers, so that an integral is exact. */
#include "fake.h"

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static void grow(void **array, int n, size_t size)
{
    if ((n & (n - 1)) == 0) *array = realloc(*array, (size_t)(n ? 2 * n : 1) * size);
}

void timeline_step(struct timeline *l, int64_t t, int64_t v)
{
    grow((void **)&l->steps, l->nsteps, sizeof *l->steps);
    l->steps[l->nsteps++] = (struct point){ .t = t, .v = v, .sum = l->nsteps };  /* sum keeps the order of the file */
}

void timeline_burst(struct timeline *l, int64_t t, int64_t d, int64_t v, int at_line)
{
    grow((void **)&l->bursts, l->nbursts, sizeof *l->bursts);
    l->bursts[l->nbursts++] = (struct burst){ t, d, v, at_line };
}

static int by_time(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    if (x->t != y->t) return x->t < y->t ? -1 : 1;
    return x->sum < y->sum ? -1 : 1;
}

static int by_start(const void *a, const void *b)
{
    const struct burst *x = a, *y = b;
    return x->t < y->t ? -1 : x->t > y->t;
}

static void emit(struct timeline *l, int64_t t, int64_t v)
{
    if (l->n && l->p[l->n - 1].t == t) l->n--;
    if (l->n ? l->p[l->n - 1].v == v : l->base == v) return;
    l->p[l->n++] = (struct point){ .t = t, .v = v };
}

/* finish sums up the points. */
static void finish(struct timeline *l)
{
    for (int i = 1; i < l->n; i++)
        l->p[i].sum = l->p[i - 1].sum + l->p[i - 1].v * (l->p[i].t - l->p[i - 1].t);
    int64_t loop = l->loop;
    if (!loop) return;
    l->loop = 0;
    l->total = timeline_integral(l, 0, loop);
    l->loop = loop;
}

int timeline_compile(struct timeline *l)
{
    if (l->nsteps) qsort(l->steps, (size_t)l->nsteps, sizeof *l->steps, by_time);
    if (l->nbursts) qsort(l->bursts, (size_t)l->nbursts, sizeof *l->bursts, by_start);
    for (int i = 1; i < l->nbursts; i++)
        if (l->bursts[i].t < l->bursts[i - 1].t + l->bursts[i - 1].d) return l->bursts[i].at_line;

    l->p = malloc(((size_t)l->nsteps + 2 * (size_t)l->nbursts + 1) * sizeof *l->p);
    int64_t below = l->base;               /* what the steps say, under a burst */
    for (int i = 0, j = 0; i < l->nsteps || j < l->nbursts;) {
        if (j == l->nbursts || (i < l->nsteps && l->steps[i].t <= l->bursts[j].t)) {
            below = l->steps[i].v;
            emit(l, l->steps[i++].t, below);
            continue;
        }
        int64_t end = l->bursts[j].t + l->bursts[j].d;
        emit(l, l->bursts[j].t, l->bursts[j].v);
        while (i < l->nsteps && l->steps[i].t <= end) below = l->steps[i++].v;
        emit(l, end, below);
        j++;
    }
    free(l->steps);
    free(l->bursts);
    l->steps = NULL;
    l->bursts = NULL;
    finish(l);
    return 0;
}

struct timeline timeline_bit(const struct timeline *l, int bit)
{
    struct timeline one = { .base = l->base >> bit & 1, .loop = l->loop };
    one.p = malloc(((size_t)l->n + 1) * sizeof *one.p);
    for (int i = 0; i < l->n; i++) emit(&one, l->p[i].t, l->p[i].v >> bit & 1);
    finish(&one);
    return one;
}

void timeline_free(struct timeline *l)
{
    free(l->steps);
    free(l->bursts);
    free(l->p);
}

/* last returns the index of the last point at or before t, -1 where there is none. */
static int last(const struct timeline *l, int64_t t)
{
    int lo = -1, hi = l->n;
    while (hi - lo > 1) {
        int mid = (lo + hi) / 2;
        if (l->p[mid].t <= t) lo = mid;
        else hi = mid;
    }
    return lo;
}

int64_t timeline_value(const struct timeline *l, int64_t t)
{
    if (l->loop) t -= floor_div(t, l->loop) * l->loop;
    int i = last(l, t);
    return i < 0 ? l->base : l->p[i].v;
}

/* primitive is an antiderivative; its zero is the first point. */
static int64_t primitive(const struct timeline *l, int64_t t)
{
    int i = last(l, t);
    if (i >= 0) return l->p[i].sum + l->p[i].v * (t - l->p[i].t);
    return l->base * (l->n ? t - l->p[0].t : t);
}

int64_t timeline_integral(const struct timeline *l, int64_t from, int64_t to)
{
    if (!l->loop) return primitive(l, to) - primitive(l, from);
    int64_t a = floor_div(from, l->loop), b = floor_div(to, l->loop);
    return (b - a) * l->total + primitive(l, to - b * l->loop) - primitive(l, from - a * l->loop);
}

int64_t timeline_mean(const struct timeline *l, int64_t from, int64_t to)
{
    return floor_div(timeline_integral(l, from, to) + (to - from) / 2, to - from);
}
