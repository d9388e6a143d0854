/* The sum of an output channel's products, of weights that are places in a table of 16. The table
   stands before them; there are two in a byte, the first in the lower bits. */
static int32_t model_dot_4(const uint8_t *input, const int8_t *table, size_t channel, size_t count)
{
    const int8_t *pair = table + 16 + channel * ((count + 1) / 2);
    int32_t sum = 0;

    for (; count >= 2; count -= 2, input += 2) {
        const unsigned places = (uint8_t)MODEL_BYTE(pair++);

        sum += input[0] * (int8_t)MODEL_BYTE(table + (places & 15));
        sum += input[1] * (int8_t)MODEL_BYTE(table + (places >> 4));
    }
    if (count > 0) {
        sum += *input * (int8_t)MODEL_BYTE(table + ((uint8_t)MODEL_BYTE(pair) & 15));
    }
    return sum;
}
