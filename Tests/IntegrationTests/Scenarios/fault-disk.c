// A layer below the program's file calls that makes the disk of its witness slow or broken, as a file says.
//
// Loaded by LD_PRELOAD. FAULT_FILE names the file; it holds "ok", "sync-slow MILLISECONDS", "sync-fails" or
// "write-full". Only the files of a log are concerned.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int is_log(int descriptor) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 6) return 0;
    path[length] = 0;
    return strstr(path, "/witness-") && !strcmp(path + length - 6, ".jsonl");
}

static void fault(char word[32], int *number) {
    word[0] = 0;
    *number = 0;
    const char *name = getenv("FAULT_FILE");
    FILE *file = name ? fopen(name, "r") : NULL;
    if (!file) return;
    if (fscanf(file, "%31s %d", word, number) < 1) word[0] = 0;
    fclose(file);
}

int fdatasync(int descriptor) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    if (is_log(descriptor)) {
        char word[32];
        int number;
        fault(word, &number);
        if (!strcmp(word, "sync-fails")) {
            errno = EIO;
            return -1;
        }
        if (!strcmp(word, "sync-slow")) {
            struct timespec time = {number / 1000, number % 1000 * 1000000L};
            nanosleep(&time, NULL);
        }
    }
    return real(descriptor);
}

static ssize_t write_at(const char *name, int descriptor, const void *bytes, size_t count, off_t offset) {
    ssize_t (*real)(int, const void *, size_t, off_t) = (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, name);
    if (is_log(descriptor)) {
        char word[32];
        int number;
        fault(word, &number);
        if (!strcmp(word, "write-full")) {
            if (count < 2) {
                errno = ENOSPC;
                return -1;
            }
            // A part goes down, as on a disk that fills up.
            ssize_t half = real(descriptor, bytes, count / 2, offset);
            (void)half;
            errno = ENOSPC;
            return -1;
        }
    }
    return real(descriptor, bytes, count, offset);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    return write_at("pwrite", descriptor, bytes, count, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off_t offset) {
    return write_at("pwrite64", descriptor, bytes, count, offset);
}
