static void model_convolve_depthwise(const model_layer *table, const uint8_t *input,
                                     uint8_t *output, uint8_t *window)
{
    MODEL_LOAD(model_layer, layer, table);
    const model_shape *const shape = &layer->shape;
    const size_t multiple = shape->channels / shape->depth;
    const size_t pixels = (size_t)shape->window_height * (size_t)shape->window_width;
    int row, column;
    size_t channel, i;

    for (row = 0; row < shape->rows; row++) {
        for (column = 0; column < shape->columns; column++) {
            model_gather(layer, input, row, column, window);
            for (channel = 0; channel < shape->channels; channel++) {
                const uint8_t *pixel = window + channel / multiple;
                const int8_t *weight = layer->weights + channel;
                int32_t sum = 0;

                for (i = 0; i < pixels; i++) {
                    sum += *pixel * (int8_t)MODEL_BYTE(weight);
                    pixel += shape->depth;
                    weight += shape->channels;
                }
                *output++ = model_output(layer, sum, channel);
            }
        }
    }
}
