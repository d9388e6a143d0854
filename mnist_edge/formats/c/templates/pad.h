/* The picture in a larger one of zeros, from row top and column left on. */
static void model_pad(const model_shape *shape, const uint8_t *input, uint8_t *output, uint8_t zero)
{
    int row, column;
    size_t channel;

    for (row = -shape->top; row < shape->rows - shape->top; row++) {
        for (column = -shape->left; column < shape->columns - shape->left; column++) {
            const int inside =
                row >= 0 && row < shape->height && column >= 0 && column < shape->width;

            for (channel = 0; channel < shape->channels; channel++) {
                *output++ = inside ? *input++ : zero;
            }
        }
    }
}
