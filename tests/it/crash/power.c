/* Stands between a program and its disk, by LD_PRELOAD: what would be there after the power fails at any moment is kept aside.
 *
 * Of each file in the folder DISK_FOLDER that the program has the disk keep, a copy is put into DISK_KEPT: as the file was when
 * the program asked, so that nothing is in it that was written later, and there only once the disk has answered.
 *
 * With DISK_FAILS_AFTER=n the disk fails every time after the nth that it is asked to keep a file whose name ends in "-wal". */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One at a time: a copy that is older never takes the place of a newer one. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static long asked;

static void give_up(const char *what) {
    perror(what);
    abort();
}

/* Its name, if it is a file in the folder. */
static const char *name_of(int fd, char path[PATH_MAX]) {
    const char *folder = getenv("DISK_FOLDER");
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (folder == NULL || length < 0)
        return NULL;
    path[length] = '\0';
    size_t begin = strlen(folder);
    if (strncmp(path, folder, begin) != 0 || path[begin] != '/' || strchr(path + begin + 1, '/') != NULL)
        return NULL;
    return path + begin + 1;
}

/* By the handle that there is: with the closing of another one all locks on the file would be lost. */
static void copy(int fd, const char *to) {
    static char buffer[1 << 20];
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0)
        give_up(to);
    off_t at = 0;
    ssize_t some;
    while ((some = pread(fd, buffer, sizeof buffer, at)) > 0) {
        if (write(out, buffer, (size_t)some) != some)
            give_up(to);
        at += some;
    }
    if (some < 0)
        give_up(to);
    close(out);
}

static int fails(const char *name) {
    const char *after = getenv("DISK_FAILS_AFTER");
    size_t length = strlen(name);
    return after != NULL && length > 4 && strcmp(name + length - 4, "-wal") == 0 && ++asked > atol(after);
}

static int ask(int fd, const char *how) {
    int (*disk)(int) = (int (*)(int))dlsym(RTLD_NEXT, how);
    char path[PATH_MAX], kept[PATH_MAX], coming[PATH_MAX + 8];
    const char *name = name_of(fd, path);
    struct stat file;
    if (name == NULL || fstat(fd, &file) != 0 || !S_ISREG(file.st_mode))
        return disk(fd);
    pthread_mutex_lock(&turn);
    snprintf(kept, sizeof kept, "%s/%s", getenv("DISK_KEPT"), name);
    snprintf(coming, sizeof coming, "%s.coming", kept);
    copy(fd, coming);
    int answer = fails(name) ? (errno = EIO, -1) : disk(fd);
    if (answer == 0 && rename(coming, kept) != 0)
        give_up(kept);
    pthread_mutex_unlock(&turn);
    return answer;
}

int fdatasync(int fd) { return ask(fd, "fdatasync"); }

int fsync(int fd) { return ask(fd, "fsync"); }
