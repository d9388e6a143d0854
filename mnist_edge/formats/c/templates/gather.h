/* Copy what a window covers; outside of the picture there are zeros. */
static void model_gather(const model_layer *layer, const uint8_t *input, int row, int column,
                         uint8_t *window)
{
    const model_shape *const shape = &layer->shape;
    const int top = row * shape->down - shape->top, left = column * shape->right - shape->left;
    const size_t depth = shape->depth;
    int y, x;
    size_t i;

    for (y = top; y < top + shape->window_height; y++) {
        for (x = left; x < left + shape->window_width; x++) {
            if (y < 0 || y >= shape->height || x < 0 || x >= shape->width) {
                for (i = 0; i < depth; i++) {
                    *window++ = layer->zero;
                }
            } else {
                const size_t place = (size_t)y * (size_t)shape->width + (size_t)x;

                for (i = 0; i < depth; i++) {
                    *window++ = input[place * depth + i];
                }
            }
        }
    }
}
