/* The sum of an output channel's products. Where there are instructions for 16 of them at once, as
   on Cortex-M55 and M85 (Helium), they are used, unless MODEL_PLAIN is defined; integers give the
   same sum in any order. */
#if defined(__ARM_FEATURE_MVE) && !defined(MODEL_PLAIN)
#include <arm_mve.h>

static int32_t model_dot(const model_layer *layer, const uint8_t *input, size_t channel,
                         size_t count)
{
    const unsigned bits = layer->bits;
    const size_t table = bits == 8 ? 0 : (size_t)1 << bits;
    const uint8_t *packed =
        (const uint8_t *)layer->weights + table + channel * ((count * bits + 7) / 8);
    int32_t sum = 0;

    for (;;) {
        const mve_pred16_t among = vctp8q(count);
        const uint8x16_t lower = veorq_u8(vldrbq_z_u8(input, among), vdupq_n_u8(128));
        uint8x16_t places;
        int8x16_t weights;

        if (bits == 8) {
            weights = vldrbq_z_s8((const int8_t *)packed, among);
        } else {
            /* A place to each byte. */
            if (bits == 4) {
                const uint16x8_t two = vldrbq_z_u16(packed, vctp16q((count + 1) / 2));

                places = vreinterpretq_u8_u16(vorrq_u16(two, vshlq_n_u16(two, 4)));
            } else {
                const uint32x4_t four = vldrbq_z_u32(packed, vctp32q((count + 3) / 4));
                const uint32x4_t twice = vorrq_u32(four, vshlq_n_u32(four, 6));

                places = vreinterpretq_u8_u32(vorrq_u32(twice, vshlq_n_u32(twice, 12)));
            }
            places = vandq_u8(places, vdupq_n_u8((uint8_t)(table - 1)));
            weights = vldrbq_gather_offset_z_s8(layer->weights, places, among);
        }
        /* Both factors have to have signs: the input is taken 128 lower. */
        sum = vmladavaq_s8(sum, vreinterpretq_s8_u8(lower), weights) + 128 * vaddvq_s8(weights);
        if (count <= 16) {
            return sum;
        }
        count -= 16;
        input += 16;
        packed += 2 * bits;
    }
}
