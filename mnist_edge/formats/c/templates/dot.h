static int32_t model_dot(const model_layer *layer, const uint8_t *input, size_t channel,
                         size_t count)
{
@DOTS@
}
