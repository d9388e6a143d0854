static void model_convolve(const model_layer *layer, const uint8_t *input, uint8_t *output)
{
    const model_shape *const shape = &layer->shape;
    const size_t stride = (size_t)shape->width * shape->depth;
    const size_t kernel_stride = (size_t)shape->window_width * shape->depth;
    const size_t kernel_size = (size_t)shape->window_height * kernel_stride;
    int row, column, y;
    size_t channel;

    for (row = 0; row < shape->rows; row++) {
        for (column = 0; column < shape->columns; column++) {
            const model_part part = model_visible(shape, input, row, column);
            const size_t count = (size_t)(part.last_column - part.first_column) * shape->depth;
            const int8_t *kernel = layer->weights + (size_t)part.first_row * kernel_stride
                                   + (size_t)part.first_column * shape->depth;

            for (channel = 0; channel < shape->channels; channel++, kernel += kernel_size) {
                const uint8_t *pixels = part.input;
                const int8_t *weights = kernel;
                int32_t sum = 0;

                for (y = part.first_row; y < part.last_row; y++) {
                    sum += model_dot(pixels, weights, count, layer->zero);
                    pixels += stride;
                    weights += kernel_stride;
                }
                *output++ = model_output(layer, sum, channel);
            }
        }
    }
}
