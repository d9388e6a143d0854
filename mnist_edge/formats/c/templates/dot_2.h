/* The sum of an output channel's products, of weights that are places in a table of 4. The table
   stands before them; there are four in a byte, the first in the lowest bits. */
static int32_t model_dot_2(const uint8_t *input, const int8_t *table, size_t channel, size_t count)
{
    const int8_t *four = table + 4 + channel * ((count + 3) / 4);
    int32_t sum = 0;

    for (; count >= 4; count -= 4, input += 4) {
        const unsigned places = (uint8_t)MODEL_BYTE(four++);

        sum += input[0] * (int8_t)MODEL_BYTE(table + (places & 3));
        sum += input[1] * (int8_t)MODEL_BYTE(table + (places >> 2 & 3));
        sum += input[2] * (int8_t)MODEL_BYTE(table + (places >> 4 & 3));
        sum += input[3] * (int8_t)MODEL_BYTE(table + (places >> 6));
    }
    if (count > 0) {
        unsigned places = (uint8_t)MODEL_BYTE(four);

        for (; count > 0; count--, places >>= 2) {
            sum += *input++ * (int8_t)MODEL_BYTE(table + (places & 3));
        }
    }
    return sum;
}
