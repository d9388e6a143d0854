/* How a window moves over a picture of height * width pixels of depth bytes, and the rows *
   columns pixels of channels bytes that come of it. */
typedef struct {
    uint16_t height, width, depth;
    uint16_t rows, columns, channels;
    uint16_t window_height, window_width, down, right, top, left;
} model_shape;

/* The part of a window that is in the picture: its first row and column, those after its last, and
   the byte of the picture that the first is. */
typedef struct {
    int first_row, last_row, first_column, last_column;
    const uint8_t *input;
} model_part;

static model_part model_visible(const model_shape *shape, const uint8_t *input, int row, int column)
{
    const int y = row * shape->down - shape->top;
    const int x = column * shape->right - shape->left;
    model_part part;

    part.first_row = y < 0 ? -y : 0;
    part.first_column = x < 0 ? -x : 0;
    part.last_row = shape->height - y < shape->window_height ? shape->height - y : shape->window_height;
    part.last_column = shape->width - x < shape->window_width ? shape->width - x : shape->window_width;
    part.input = input + ((size_t)(y + part.first_row) * shape->width + (size_t)(x + part.first_column)) * shape->depth;
    return part;
}
