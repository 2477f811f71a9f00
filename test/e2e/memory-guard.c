/*
 * A memory guard for DuckDB as Node.js loads it, by way of LD_PRELOAD: every allocation of DuckDB's lies
 * between pages that nobody may touch, and what is freed is never used again but stays forbidden. So
 * whoever reads or writes one byte too far, or a moment too late, ends the process there and then with
 * exit code 99 and a line that says so. valgrind cannot do this here: DuckDB brings its own allocator,
 * whose blocks valgrind does not know.
 *
 * Three doors are guarded:
 * - duckdb_je_malloc, _realloc, _free: DuckDB's allocator. Vectors, their validity bits, its heaps.
 * - duckdb_vector_assign_string_element_len with a BLOB: bytes that an arena of ours is given lie exactly
 *   at the end of their pages, or at the beginning with MEMORY_GUARD_PLACE=start, instead of somewhere in
 *   a heap of DuckDB's. Every 16th time they lie across a multiple of 2^32 first.
 * - duckdb_data_chunk_reset and duckdb_destroy_data_chunk: from here on what the chunk held is forbidden.
 *
 * Prints its counts to stderr when the process ends. Linux on 64 bits, glibc; built by memory-safety.ts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL
/* Address space, not memory: nothing is used twice. */
#define SPACE (4UL << 40)
#define FOUR_GIB (1UL << 32)
/* Linux allows 65,530 mappings by default; each guarded allocation takes two. */
#define MOST_LIVE 28000
#define MOST_HELD 65536
/* Of an entry in `sizes`; the 16 bits above are the place within the page. */
#define SIZE_BITS 0xffffffffffffUL
#define TYPE_BLOB 18

typedef struct {
  void *vector;
  char *bytes;
} Held;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *space, *next;
/* Of each guarded allocation, by the page on which it begins; and of those that were freed. */
static uint64_t *sizes, *freed;
static Held held[MOST_HELD];
static int held_count, places_at_start;
static long live, guarded, unguarded, holds, across;

/* Says where the nearest allocation before it is. Not all of this is allowed in a handler; it ends here. */
static void say_and_die(int signal, siginfo_t *info, void *context) {
  (void)signal;
  (void)context;
  char *at = info->si_addr, line[200];
  const char *what = "memory that is not guarded";
  long distance = 0;
  if (at >= space && at < space + SPACE) {
    uint64_t page = (at - space) / PAGE;
    while (page > 0 && sizes[page] == 0 && freed[page] == 0) page--;
    uint64_t entry = sizes[page] ? sizes[page] : freed[page];
    what = sizes[page] ? "what lies behind an allocation" : "memory that was freed, or lies behind it";
    distance = at - (space + page * PAGE + (entry >> 48)) - (long)(entry & SIZE_BITS);
  }
  int length = snprintf(line, sizeof line, "\nmemory-guard: %s was touched, %ld bytes from its end\n", what, distance);
  if (write(2, line, length) < 0) _exit(98);
  _exit(99);
}

static void print_counts(void) {
  fprintf(stderr, "memory-guard: %ld guarded, %ld unguarded, %ld held, %ld across 4 GiB\n", guarded,
          unguarded, holds, across);
}

/* When DuckDB is loaded, so that the handler comes after those of Node.js. */
static void begin(void) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  space = mmap(NULL, SPACE, PROT_NONE, flags, -1, 0);
  sizes = mmap(NULL, SPACE / PAGE * 8, PROT_READ | PROT_WRITE, flags, -1, 0);
  freed = mmap(NULL, SPACE / PAGE * 8, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (space == MAP_FAILED || sizes == MAP_FAILED || freed == MAP_FAILED) {
    perror("memory-guard");
    _exit(98);
  }
  next = space + PAGE;
  const char *place = getenv("MEMORY_GUARD_PLACE");
  places_at_start = place != NULL && strcmp(place, "start") == 0;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = say_and_die;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  atexit(print_counts);
}

/* With the lock held. NULL when there are too many. */
static char *take(size_t size, size_t alignment, int at_start, int is_across) {
  if (space == NULL) begin();
  size_t pages = (size + PAGE - 1) / PAGE + (size == 0);
  if (live >= MOST_LIVE) return NULL;
  if (is_across) {
    uintptr_t boundary = ((uintptr_t)next / FOUR_GIB + 1) * FOUR_GIB;
    next = (char *)(boundary - PAGE);
    pages++;
  }
  if (next + (pages + 1) * PAGE > space + SPACE) return NULL;
  char *start = next;
  next += (pages + 1) * PAGE;
  if (mprotect(start, pages * PAGE, PROT_READ | PROT_WRITE) != 0) return NULL;
  size_t room = (size + alignment - 1) / alignment * alignment;
  char *bytes = at_start ? start : start + pages * PAGE - room;
  /* The boundary is the end of the first page. */
  if (is_across) bytes = start + PAGE - (size < PAGE ? size / 2 : PAGE / 2);
  uint64_t index = (bytes - space) / PAGE;
  sizes[index] = ((uint64_t)((bytes - space) % PAGE) << 48) | (size ? size : 1);
  live++;
  return bytes;
}

/* With the lock held. */
static void give_back(char *bytes) {
  uint64_t index = (bytes - space) / PAGE;
  uint64_t size = sizes[index] & SIZE_BITS;
  char *start = space + index * PAGE;
  size_t length = ((bytes - start) + size + PAGE - 1) / PAGE * PAGE;
  freed[index] = sizes[index];
  sizes[index] = 0;
  madvise(start, length, MADV_DONTNEED);
  mprotect(start, length, PROT_NONE);
  live--;
}

static int is_guarded(void *bytes) {
  return space != NULL && (char *)bytes >= space && (char *)bytes < space + SPACE;
}

void *duckdb_je_malloc(size_t size) {
  pthread_mutex_lock(&lock);
  char *bytes = take(size, 16, 0, 0);
  if (bytes != NULL) guarded++;
  else unguarded++;
  pthread_mutex_unlock(&lock);
  return bytes != NULL ? bytes : malloc(size);
}

void duckdb_je_free(void *bytes) {
  if (!is_guarded(bytes)) {
    free(bytes);
    return;
  }
  pthread_mutex_lock(&lock);
  give_back(bytes);
  pthread_mutex_unlock(&lock);
}

void *duckdb_je_realloc(void *bytes, size_t size) {
  if (bytes == NULL) return duckdb_je_malloc(size);
  if (!is_guarded(bytes)) return realloc(bytes, size);
  uint64_t index = ((char *)bytes - space) / PAGE;
  size_t old = sizes[index] & SIZE_BITS;
  void *moved = duckdb_je_malloc(size);
  memcpy(moved, bytes, old < size ? old : size);
  duckdb_je_free(bytes);
  return moved;
}

/* DuckDB's own functions. Node.js loads the library for the bindings alone, so it has to be asked for. */
static struct {
  void (*assign)(void *vector, uint64_t row, const char *text, uint64_t length);
  void (*reset)(void *chunk);
  void (*destroy)(void **chunk);
  void *(*data)(void *vector);
  void *(*type)(void *vector);
  int (*type_id)(void *type);
  void (*destroy_type)(void **type);
  void *(*vector)(void *chunk, uint64_t column);
  uint64_t (*columns)(void *chunk);
} duckdb;

static void *find(void *library, const char *name) {
  void *found = library == NULL ? NULL : dlsym(library, name);
  if (found != NULL) return found;
  fprintf(stderr, "memory-guard: there is no %s\n", name);
  _exit(98);
}

static void find_all(void) {
  void *library = dlopen("libduckdb.so", RTLD_LAZY | RTLD_NOLOAD);
  duckdb.assign = find(library, "duckdb_vector_assign_string_element_len");
  duckdb.reset = find(library, "duckdb_data_chunk_reset");
  duckdb.destroy = find(library, "duckdb_destroy_data_chunk");
  duckdb.data = find(library, "duckdb_vector_get_data");
  duckdb.type = find(library, "duckdb_vector_get_column_type");
  duckdb.type_id = find(library, "duckdb_get_type_id");
  duckdb.destroy_type = find(library, "duckdb_destroy_logical_type");
  duckdb.vector = find(library, "duckdb_data_chunk_get_vector");
  duckdb.columns = find(library, "duckdb_data_chunk_get_column_count");
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

void duckdb_vector_assign_string_element_len(void *vector, uint64_t row, const char *text, uint64_t length) {
  pthread_once(&once, find_all);
  void *type = duckdb.type(vector);
  int type_id = duckdb.type_id(type);
  duckdb.destroy_type(&type);
  if (type_id != TYPE_BLOB || length <= 12) {
    duckdb.assign(vector, row, text, length);
    return;
  }
  char *cell = (char *)duckdb.data(vector) + row * 16;
  pthread_mutex_lock(&lock);
  /* The second time it must be well: the arena asks until it is. */
  int is_across = holds++ % 16 == 0;
  char *bytes = held_count < MOST_HELD ? take(length, 1, places_at_start, is_across) : NULL;
  if (bytes == NULL) {
    fprintf(stderr, "memory-guard: no more room\n");
    _exit(98);
  }
  across += is_across;
  held[held_count++] = (Held){vector, bytes};
  pthread_mutex_unlock(&lock);
  memcpy(bytes, text, length);
  uint32_t size = length;
  memcpy(cell, &size, 4);
  memcpy(cell + 4, bytes, 4);
  memcpy(cell + 8, &bytes, 8);
}

static void release(void *chunk) {
  uint64_t columns = duckdb.columns(chunk);
  for (uint64_t column = 0; column < columns; column++) {
    void *vector = duckdb.vector(chunk, column);
    pthread_mutex_lock(&lock);
    int kept = 0;
    for (int i = 0; i < held_count; i++) {
      if (held[i].vector == vector) give_back(held[i].bytes);
      else held[kept++] = held[i];
    }
    held_count = kept;
    pthread_mutex_unlock(&lock);
  }
}

void duckdb_data_chunk_reset(void *chunk) {
  pthread_once(&once, find_all);
  release(chunk);
  duckdb.reset(chunk);
}

void duckdb_destroy_data_chunk(void **chunk) {
  pthread_once(&once, find_all);
  if (chunk != NULL && *chunk != NULL) release(*chunk);
  duckdb.destroy(chunk);
}
