/* The words of a statement. */
#include "parser.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>

void fail(struct parser *p, const char *format, ...)
{
    if (p->failed) return;
    p->failed = true;
    va_list args;
    va_start(args, format);
    fprintf(stderr, "fake NVML: %s:%d: ", p->path, p->line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

void *append(void *array, int *n, size_t size)
{
    void **a = array;
    if ((*n & (*n - 1)) == 0) *a = realloc(*a, (size_t)(*n ? 2 * *n : 1) * size);
    return memset((char *)*a + (size_t)(*n)++ * size, 0, size);
}

int64_t integer(struct parser *p, const char *s)
{
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 0);
    if (end == s || *end || errno) fail(p, "%s: not a whole number", s);
    return v;
}

int64_t duration(struct parser *p, const char *s)
{
    static const struct { const char *unit; double us; } units[] = {
        {"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"m", 60e6}, {"h", 3600e6},
    };
    if (strcmp(s, "never") == 0) return NEVER;
    char *end;
    double v = strtod(s, &end);
    if (end != s && strcmp(s, "0") == 0) return 0;
    for (int i = 0; i < COUNT_OF(units) && end != s; i++)
        if (strcmp(end, units[i].unit) == 0 && fabs(v * units[i].us) < 9e18) return llround(v * units[i].us);
    fail(p, "%s: not a time: write 20ms, 1.5s, 2m, 1h, 0 or never", s);
    return 0;
}

int64_t positive(struct parser *p, const char *s)
{
    int64_t d = duration(p, s);
    if (d <= 0 || d == NEVER) fail(p, "%s: not a time greater than 0", s);
    return d > 0 ? d : 1;
}

struct selector selector(struct parser *p, const char *s)
{
    struct selector who = { .gi = -1, .ci = -1 };
    int a, b, n = 0;
    if (strcmp(s, "*") == 0) {
        who.all = true;
        who.gpus = ~0ull;
        return who;
    }
    if (sscanf(s, "%d.%d.%d%n", &a, &who.gi, &who.ci, &n) == 3 && s[n] == 0 && a >= 0 && a < p->sc->ngpus) {
        for (int i = 0; i < p->sc->gpu[a]->nmig; i++)
            if (p->sc->gpu[a]->mig[i].gi == who.gi && p->sc->gpu[a]->mig[i].ci == who.ci) who.gpus = 1ull << a;
        if (!who.gpus) fail(p, "%s: no such MIG instance", s);
        return who;
    }
    who.gi = who.ci = -1;
    for (const char *q = s; ; q += n + 1) {
        if (sscanf(q, "%d-%d%n", &a, &b, &n) != 2) {
            if (sscanf(q, "%d%n", &a, &n) != 1) break;
            b = a;
        }
        if (a < 0 || b < a || b >= p->sc->ngpus) break;
        for (int i = a; i <= b; i++) who.gpus |= 1ull << i;
        if (q[n] == 0) return who;
        if (q[n] != ',') break;
    }
    fail(p, "%s: not a GPU of this scenario (*, 0, 0-3, 0,2, or 0.1.0 for a MIG instance; gpus N comes first)", s);
    return who;
}

bool split(struct parser *p, char *text)
{
    p->n = 0;
    p->rest = "";
    for (char *s = text; ;) {
        while (isspace((unsigned char)*s)) s++;
        if (!*s || *s == '#') return true;
        if (p->n == WORDS) {
            fail(p, "more than %d words", WORDS);
            return false;
        }
        if (p->n == 3) {                   /* a copy of its own, since the words are cut where they stand */
            p->rest = strndup(s, strcspn(s, "#"));
            for (size_t n = strlen(p->rest); n && isspace((unsigned char)p->rest[n - 1]);) p->rest[--n] = 0;
        }
        p->word[p->n++] = s;
        while (*s && !isspace((unsigned char)*s)) s++;
        if (*s) *s++ = 0;
    }
}
