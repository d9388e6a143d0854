/* A convolution or a dense layer. */
typedef struct {
    model_shape shape;
    uint8_t zero; /* what stands for 0 in the input */
    model_range range;
    /* cppcheck-suppress unusedStructMember ; where all layers have as many */
    uint8_t bits; /* of each weight */
    const int8_t *weights;
    const int32_t *biases, *multipliers; /* one an output channel, as the exponents */
    const int8_t *exponents;
} model_layer;
