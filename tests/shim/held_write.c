/* A preloaded library in which writes of 8 bytes wait, while a test holds them. The core writes so to eventfds. So a
   vCPU stands still inside the core, like one whose thread the host has put aside. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int holding, held;

/* Hold writes from now on, or let them go on. */
void hold_writes(int on)
{
    pthread_mutex_lock(&lock);
    holding = on;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* How many threads wait in a write. */
int held_writes(void)
{
    pthread_mutex_lock(&lock);
    int n = held;
    pthread_mutex_unlock(&lock);
    return n;
}

ssize_t write(int fd, const void *data, size_t size)
{
    static ssize_t (*real)(int, const void *, size_t);
    if (!real)
        real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    if (size == 8) {
        pthread_mutex_lock(&lock);
        held++;
        while (holding)
            pthread_cond_wait(&changed, &lock);
        held--;
        pthread_mutex_unlock(&lock);
    }
    return real(fd, data, size);
}
