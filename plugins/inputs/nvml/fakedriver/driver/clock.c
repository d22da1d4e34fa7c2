/* Two clocks, boot time and epoch: the machine's, or those that a test writes into a file which every
 * process of the test maps: int64 epoch nanoseconds, then int64 boot nanoseconds. */
#include "fake.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *mapped;

bool clock_map(const char *path)
{
    if (mapped) {
        munmap((void *)mapped, 16);
        mapped = NULL;
    }
    if (!path) return true;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    void *p = lseek(fd, 0, SEEK_END) >= 16 ? mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    close(fd);
    if (p == MAP_FAILED) return false;
    mapped = p;
    return true;
}

static int64_t microseconds(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

struct instant clock_now(void)
{
    if (mapped) {
        int64_t epoch = __atomic_load_n(&mapped[0], __ATOMIC_ACQUIRE);
        return (struct instant){ .epoch_us = epoch / 1000, .boot_us = __atomic_load_n(&mapped[1], __ATOMIC_ACQUIRE) / 1000 };
    }
    return (struct instant){ .boot_us = microseconds(CLOCK_BOOTTIME), .epoch_us = microseconds(CLOCK_REALTIME) };
}

void sleep_us(int64_t us)
{
    struct timespec ts = { us / 1000000, us % 1000000 * 1000 };
    while (nanosleep(&ts, &ts) != 0) {}
}
