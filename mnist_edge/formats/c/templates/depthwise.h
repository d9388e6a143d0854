static void model_convolve_depthwise(const model_layer *layer, const uint8_t *input, uint8_t *output)
{
    const model_shape *const shape = &layer->shape;
    const size_t multiple = shape->channels / shape->depth;
    int row, column, y, x;
    size_t channel;

    for (row = 0; row < shape->rows; row++) {
        for (column = 0; column < shape->columns; column++) {
            const model_part part = model_visible(shape, input, row, column);

            for (channel = 0; channel < shape->channels; channel++) {
                const uint8_t *pixels = part.input + channel / multiple;
                int32_t sum = 0;

                for (y = part.first_row; y < part.last_row; y++) {
                    const size_t place = (size_t)y * (size_t)shape->window_width + (size_t)part.first_column;
                    const int8_t *weights = layer->weights + place * shape->channels + channel;
                    const uint8_t *pixel = pixels;

                    for (x = part.first_column; x < part.last_column; x++) {
                        sum += (*pixel - layer->zero) * (int8_t)MODEL_BYTE(weights);
                        pixel += shape->depth;
                        weights += shape->channels;
                    }
                    pixels += (size_t)shape->width * shape->depth;
                }
                *output++ = model_output(layer, sum, channel);
            }
        }
    }
}
