static void model_pool_average(const model_shape *shape, const model_range *range,
                               const uint8_t *input, uint8_t *output)
{
    int row, column, y, x;
    size_t channel;

    for (row = 0; row < shape->rows; row++) {
        for (column = 0; column < shape->columns; column++) {
            const model_part part = model_visible(shape, input, row, column);
            const int32_t count =
                (int32_t)(part.last_row - part.first_row) * (part.last_column - part.first_column);

            for (channel = 0; channel < shape->channels; channel++) {
                const uint8_t *pixels = part.input + channel;
                int32_t sum = 0;

                for (y = part.first_row; y < part.last_row; y++) {
                    const uint8_t *pixel = pixels;

                    for (x = part.first_column; x < part.last_column; x++) {
                        sum += *pixel - 128;
                        pixel += shape->depth;
                    }
                    pixels += (size_t)shape->width * shape->depth;
                }
                /* Rounded away from zero, and zero is int8's. */
                sum = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
                *output++ = model_store(sum + 128, range);
            }
        }
    }
}
