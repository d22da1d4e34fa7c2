/* What the parts of the scenario's parser share. */
#ifndef PARSER_H
#define PARSER_H

#include "fake.h"

#define WORDS 24

struct parser {
    const char *path;
    int line;
    char *word[WORDS]; int n;              /* of the statement; word[0] is its name */
    char *rest;                            /* from word[3] to the end of the line, for texts */
    struct scenario *sc;
    bool failed;
};

void fail(struct parser *, const char *format, ...) __attribute__((format(printf, 2, 3)));  /* the first fault is told */
void *append(void *array, int *n, size_t size);        /* room for one more element, zeroed */
int64_t integer(struct parser *, const char *);
int64_t duration(struct parser *, const char *);       /* in microseconds */
int64_t positive(struct parser *, const char *);       /* a duration greater than 0 */
struct selector selector(struct parser *, const char *);
bool split(struct parser *, char *line);               /* into words; false after a fault */
void statement(struct parser *);                       /* does what the words say */
void init_device(device *, int index);                 /* as tables.def has it */

#endif
