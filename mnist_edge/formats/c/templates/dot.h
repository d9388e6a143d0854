static int32_t model_dot(const uint8_t *input, const int8_t *weights, size_t count, uint8_t zero)
{
    int32_t sum = 0;

    while (count-- > 0) {
        sum += (*input++ - zero) * (int8_t)MODEL_BYTE(weights++);
    }
    return sum;
}
