/* The part of a window that is in the picture: its first row and column, those after its last, and
   the byte of the picture that the first is. */
typedef struct {
    int first_row, last_row, first_column, last_column;
    const uint8_t *input;
} model_part;

static model_part model_visible(const model_shape *shape, const uint8_t *input, int row, int column)
{
    const int y = row * shape->down - shape->top, x = column * shape->right - shape->left;
    const int below = shape->height - y, beside = shape->width - x;
    model_part part;

    part.first_row = y < 0 ? -y : 0;
    part.first_column = x < 0 ? -x : 0;
    part.last_row = below < shape->window_height ? below : shape->window_height;
    part.last_column = beside < shape->window_width ? beside : shape->window_width;
    part.input = input + (size_t)(y + part.first_row) * (size_t)shape->width * shape->depth
                 + (size_t)(x + part.first_column) * shape->depth;
    return part;
}
