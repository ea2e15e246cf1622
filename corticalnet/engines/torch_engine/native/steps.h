/* What generated steps call: matrix products, vector functions, recording. `real` is double or float.

Arrays are row-major, the batch first. Nothing here may reorder a sum or contract a product into it: cells at
rest stay exactly at rest (compiled with -ffp-contract=off, without -ffast-math). */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef SINGLE
typedef float real;
#define F(name) name##f
#else
typedef double real;
#define F(name) name
#endif
#define R(number) ((real)(number))
#define LANES (long)(LANE / sizeof(real))
#define CHUNK 512

#define LOOP _Pragma("omp simd")

static inline real sign(real x) { return R((x > 0) - (x < 0)); }
static inline real minimum(real a, real b) { return (b < a) | (b != b) ? b : a; }
static inline real maximum(real a, real b) { return (b > a) | (b != b) ? b : a; }

/* Functions of the libraries that torch itself calls; NULL where there is none ---------------------------- */
typedef void (*Gemm)(const char *, const char *, const int *, const int *, const int *, const real *, const real *,
                     const int *, const real *, const int *, const real *, real *, const int *);
typedef void (*Vector)(int, const real *, real *, long long);      /* of MKL */
typedef real Lane __attribute__((vector_size(LANE)));              /* LANE bytes */
typedef Lane (*Lanes)(Lane);                                       /* of SLEEF */
typedef struct { Gemm gemm; Vector tanh, exp, log, sqrt; Lanes lane_tanh, lane_exp, lane_log, lane_expm1, lane_log1p; } Functions;
static Functions lib;
static const long long MODE = 0x140102; /* as torch asks MKL: high accuracy, no flushing to zero, no errors */

void begin(const Functions *functions) { lib = *functions; }

static void lanes(Lanes function, long n, const real *x, real *y) {
    Lane lane = {0};
    long i = 0;
    for (; i + LANES <= n; i += LANES) {
        memcpy(&lane, x + i, LANE);
        lane = function(lane);
        memcpy(y + i, &lane, LANE);
    }
    memcpy(&lane, x + i, (n - i) * sizeof(real));
    lane = function(lane);
    memcpy(y + i, &lane, (n - i) * sizeof(real));
}
#define BY_LANES(name) if (lib.lane_##name) { lanes(lib.lane_##name, n, x, y); return; }
#define BY_VECTOR(name) if (lib.name) { lib.name((int)n, x, y, MODE); return; }
#define VECTOR(name, first, second)                                                  \
    static void vector_##name(long n, const real *x, real *y) {                      \
        first second for (long i = 0; i < n; i++) y[i] = F(name)(x[i]);              \
    }
VECTOR(tanh, BY_VECTOR(tanh), BY_LANES(tanh))
VECTOR(exp, BY_VECTOR(exp), BY_LANES(exp))
VECTOR(log, BY_VECTOR(log), BY_LANES(log))
VECTOR(sqrt, BY_VECTOR(sqrt), ) /* (MKL's is not always the nearest number, so neither is torch's) */
VECTOR(expm1, , BY_LANES(expm1))
VECTOR(log1p, , BY_LANES(log1p))
/* torch takes two vectors at a time, and what is left over number by number, which rounds otherwise */
static void vector_sigmoid(long n, const real *x, real *y) {
    const long whole = lib.lane_exp ? n - n % (2 * LANES) : 0;
    for (long i = 0; i < n; i++) y[i] = -x[i];
    if (whole) lanes(lib.lane_exp, whole, y, y);
    for (long i = whole; i < n; i++) y[i] = F(exp)(y[i]);
    for (long i = 0; i < n; i++) y[i] = 1 / (1 + y[i]);
}

/* C [m, n] = A [m, k] (or its transpose) · B [k, n] (or its transpose); row lengths follow each */
static void product(char ta, char tb, int m, int n, int k, const real *a, int lda, const real *b, int ldb, real *c, int ldc) {
    const real one = 1, zero = 0;
    lib.gemm(&tb, &ta, &n, &m, &k, &one, b, &ldb, a, &lda, &zero, c, &ldc); /* (column-major: Cᵀ = Bᵀ Aᵀ) */
}

/* Sums over the few cells that fire: out [n] = Σ_j x_j w[j, n]; false (and nothing done) if many do.
   Columns of w that fit into the cache pass by all samples. */
typedef real Anywhere __attribute__((vector_size(LANE), aligned(sizeof(real)), may_alias));
#define WIDE 8
static void rows_of(int count, const int *fired, const real *x, const real *w, long post, real *to) {
    Anywhere sum[WIDE] = {{0}};
    for (int f = 0; f < count; f++) {
        const real *row = w + (long)fired[f] * post, much = x[fired[f]];
        for (int q = 0; q < WIDE; q++) sum[q] += much * ((const Anywhere *)row)[q];
    }
    for (int q = 0; q < WIDE; q++) ((Anywhere *)to)[q] = sum[q];
}
static void lane_of(int count, const int *fired, const real *x, const real *w, long post, real *to) {
    Anywhere sum = {0};
    for (int f = 0; f < count; f++) sum += x[fired[f]] * *(const Anywhere *)(w + (long)fired[f] * post);
    *(Anywhere *)to = sum;
}
static void number_of(int count, const int *fired, const real *x, const real *w, long post, real *to) {
    real sum = 0;
    for (int f = 0; f < count; f++) sum += x[fired[f]] * w[(long)fired[f] * post];
    *to = sum;
}
static int by_events(int batch, int pre, const real *x, int ldx, int post, const real *w, real *out, int ldout) {
    const long most = (long)batch * pre / 8;
    int *fired = malloc((most + pre + batch + 1) * sizeof(int)), *end = fired + most + pre;
    long all = 0;
    if (!fired) return 0;
    for (int b = 0; b < batch && all <= most; b++) {
        for (int j = 0; j < pre; j++) { fired[all] = j; all += x[(long)b * ldx + j] != 0; }
        end[b] = (int)all;
    }
    if (all <= most && batch < 4) { /* (row by row, as they lie in memory) */
        for (int b = 0; b < batch; b++) {
            real *to = out + (long)b * ldout;
            for (int i = 0; i < post; i++) to[i] = 0;
            for (int f = b ? end[b - 1] : 0; f < end[b]; f++) {
                const real *row = w + (long)fired[f] * post, much = x[(long)b * ldx + fired[f]];
                LOOP for (int i = 0; i < post; i++) to[i] += much * row[i];
            }
        }
        free(fired);
        return 1;
    }
    for (int i = 0; all <= most && i < post;) {
        const int size = i + WIDE * LANES <= post ? WIDE * LANES : i + LANES <= post ? LANES : 1;
        for (int b = 0; b < batch; b++) {
            const int begin = b ? end[b - 1] : 0, count = end[b] - begin;
            (size == 1 ? number_of : size == LANES ? lane_of : rows_of)(
                count, fired + begin, x + (long)b * ldx, w + i, post, out + (long)b * ldout + i);
        }
        i += size;
    }
    free(fired);
    return all <= most;
}

/* What runs -------------------------------------------------------------------------------------------- */
typedef struct { const real *from; real *to; long rows, columns, stride; } Copied;
typedef struct {
    real *memory;          /* states, ports, inputs, synapses */
    real **weights;        /* by projection, [post, pre] */
    real **turned;         /* some of them once more, [pre, post] */
    real **noise;          /* by port: one [batch, columns] for each step */
    int **index;           /* of lists of synapses */
    real **constants;      /* bounds, magnitudes of signed weights */
    long *version;         /* of states, inputs and weights: another number after every change */
    long *seen;            /* versions that what need not be computed again has read */
    long *slot;            /* of delayed projections: where the oldest is */
    int *waiting;          /* whether a trace of a projection waits to be consolidated */
    long records, windows; /* how many of each */
    Copied *record, *window;
    const unsigned char *keep, *full; /* whether a step is recorded; whether a window of sums ends */
} World;

static void copied(const Copied *one, real *to) {
    for (long r = 0; r < one->rows; r++)
        memcpy(to + r * one->columns, one->from + r * one->stride, one->columns * sizeof(real));
}

static void write_down(World *w, long k) {
    for (long q = 0; q < w->windows; q++) {
        const Copied *one = w->window + q;
        for (long r = 0; r < one->rows; r++)
            for (long c = 0; c < one->columns; c++) one->to[r * one->columns + c] += one->from[r * one->stride + c];
    }
    if (w->keep[k])
        for (long q = 0; q < w->records; q++) {
            copied(w->record + q, w->record[q].to);
            w->record[q].to += w->record[q].rows * w->record[q].columns;
        }
    if (w->full[k])
        for (long q = 0; q < w->windows; q++)
            memset(w->window[q].to, 0, w->window[q].rows * w->window[q].columns * sizeof(real));
}
