/* How a window moves over a picture of height * width pixels of depth bytes, and the rows *
   columns pixels of channels bytes that come of it. */
typedef struct {
    int16_t height, width;
    size_t depth;
    int16_t rows, columns;
    size_t channels;
    int16_t window_height, window_width, down, right, top, left;
} model_shape;
