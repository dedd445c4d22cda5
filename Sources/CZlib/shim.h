#include <zlib.h>

// zlib's own are macros; 15 + 16: the largest window, with gzip's header and trailer.
static inline int sallyport_deflate_init(z_stream *stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

static inline int sallyport_inflate_init(z_stream *stream) {
    return inflateInit2(stream, 15 + 16);
}
