/* A picture, how much ink there is at each of its grey levels, 0 to 255, and the box of the ink:
   right and bottom are past its end. */
typedef struct {
    const uint8_t *gray;
    size_t stride;
    uint8_t *depths;
    int left, top, right, bottom;
} model_picture;

static uint8_t model_depth(const model_picture *picture, int x, int y)
{
    return picture->depths[picture->gray[(size_t)y * picture->stride + (size_t)x]];
}

/* Count each grey level. A count is of three bytes, each in a plane of its own, so that the buffer
   may be of any alignment. */
static void model_count(const model_picture *picture, int width, int height, uint8_t *counts)
{
    int x, y;

    for (x = 0; x < @READ_BYTES@; x++) {
        counts[x] = 0;
    }
    for (y = 0; y < height; y++) {
        for (x = 0; x < width; x++) {
            const size_t level = picture->gray[(size_t)y * picture->stride + (size_t)x];

            if (++counts[level] == 0 && ++counts[256 + level] == 0) {
                ++counts[512 + level];
            }
        }
    }
}

static uint32_t model_counted(const uint8_t *counts, int level)
{
    return counts[level] + ((uint32_t)counts[256 + level] << 8)
           + ((uint32_t)counts[512 + level] << 16);
}

/* Find the level that parts dark from light best, and the mean levels of both, in 1/256: "A
   Threshold Selection Method from Gray-Level Histograms", Otsu, 1979. Returns the largest level
   that is dark. */
static int model_threshold(const uint8_t *counts, uint16_t *dark_mean, uint16_t *light_mean)
{
    uint32_t pixels = 0, total = 0, dark = 0, dark_total = 0;
    uint64_t best = 0;
    int level, threshold = 0;

    for (level = 0; level < 256; level++) {
        pixels += model_counted(counts, level);
        total += model_counted(counts, level) * (uint32_t)level;
    }
    *dark_mean = *light_mean = 0;
    for (level = 0; level < 255; level++) {
        const uint32_t count = model_counted(counts, level);
        uint32_t low, high;
        uint64_t between;

        dark += count;
        dark_total += count * (uint32_t)level;
        if (count == 0 || dark == pixels) {
            continue;
        }
        low = (uint32_t)(((uint64_t)dark_total << 8) / dark);
        high = (uint32_t)(((uint64_t)(total - dark_total) << 8) / (pixels - dark));
        between = (uint64_t)dark * (pixels - dark) * ((uint64_t)(high - low) * (high - low));
        if (between > best) {
            best = between;
            threshold = level;
            *dark_mean = (uint16_t)low;
            *light_mean = (uint16_t)high;
        }
    }
    return threshold;
}

/* Tell whether most of the picture's edge is dark: then the ink is light. */
static int model_is_dark(const model_picture *picture, int width, int height, int threshold)
{
    int x, y, balance = 0;

    for (y = 0; y < height; y++) {
        const int step = y == 0 || y == height - 1 || width == 1 ? 1 : width - 1;

        for (x = 0; x < width; x += step) {
            const int level = picture->gray[(size_t)y * picture->stride + (size_t)x];

            balance += level <= threshold ? 1 : -1;
        }
    }
    return balance > 0;
}

/* Find the box of all ink but single pixels, of which none of the eight around is ink. Returns
   whether there is any. */
static int model_find(model_picture *picture, int width, int height)
{
    int x, y, row, column;

    picture->left = width;
    picture->top = height;
    picture->right = picture->bottom = 0;
    for (y = 0; y < height; y++) {
        for (x = 0; x < width; x++) {
            int inked = 0;

            if (model_depth(picture, x, y) < 128) {
                continue;
            }
            for (row = y > 0 ? y - 1 : 0; row < height && row <= y + 1; row++) {
                for (column = x > 0 ? x - 1 : 0; column < width && column <= x + 1; column++) {
                    inked += model_depth(picture, column, row) >= 128 ? 1 : 0;
                }
            }
            if (inked > 1) {
                picture->left = x < picture->left ? x : picture->left;
                picture->top = y < picture->top ? y : picture->top;
                picture->right = x >= picture->right ? x + 1 : picture->right;
                picture->bottom = y + 1;
            }
        }
    }
    return picture->bottom > 0;
}

/* Draw the ink with its centre of mass in the middle of the field and the longer side of its box 20
   pixels long, each pixel the mean of what it covers. Lengths are in 1/40 of the picture's pixels,
   of which the field's then take two for each of that side. */
static void model_draw(const model_picture *picture, uint8_t *field)
{
    const int width = picture->right - picture->left, height = picture->bottom - picture->top;
    const int side = width > height ? width : height;
    uint32_t mass = 0;
    uint64_t right = 0, down = 0;
    uint8_t most = 1;
    int x, y, row, column;
    size_t place;

    for (y = 0; y < height; y++) {
        for (x = 0; x < width; x++) {
            const uint32_t depth = model_depth(picture, picture->left + x, picture->top + y);

            mass += depth;
            right += depth * (uint32_t)x;
            down += depth * (uint32_t)y;
        }
    }
    for (row = 0; row < MODEL_FIELD_SIDE; row++) {
        /* cppcheck-suppress zerodiv ; without ink nothing is drawn */
        const int top = (int)(down * 40 / mass) + 20 + (2 * row - 29) * side;
        const int first_y = top > 0 ? top / 40 : 0;

        for (column = 0; column < MODEL_FIELD_SIDE; column++) {
            const int left = (int)(right * 40 / mass) + 20 + (2 * column - 29) * side;
            const int first_x = left > 0 ? left / 40 : 0;
            uint32_t sum = 0;
            uint8_t depth;

            for (y = first_y; y < height && y * 40 < top + 2 * side; y++) {
                const int above = y * 40 > top ? y * 40 : top;
                const int below = y * 40 + 40 < top + 2 * side ? y * 40 + 40 : top + 2 * side;

                for (x = first_x; x < width && x * 40 < left + 2 * side; x++) {
                    const int from = x * 40 > left ? x * 40 : left;
                    const int to = x * 40 + 40 < left + 2 * side ? x * 40 + 40 : left + 2 * side;
                    const uint32_t area = (uint32_t)(below - above) * (uint32_t)(to - from);

                    sum += area * model_depth(picture, picture->left + x, picture->top + y);
                }
            }
            depth = (uint8_t)(sum / ((uint32_t)(2 * side) * (uint32_t)(2 * side)));
            most = depth > most ? depth : most;
            field[row * MODEL_FIELD_SIDE + column] = depth;
        }
    }
    for (place = 0; place < MODEL_FIELD_BYTES; place++) {
        field[place] = (uint8_t)(((uint16_t)field[place] * 255U + most / 2U) / most);
    }
}

model_origin model_read(const uint8_t *gray, int width, int height, size_t stride,
                        uint8_t field[MODEL_FIELD_BYTES], void *scratch)
{
    model_picture picture = {0, 0, 0, 0, 0, 0, 0};
    uint8_t *const counts = (uint8_t *)scratch;
    uint16_t dark, light;
    int is_dark, level;
    size_t place;

    for (place = 0; place < MODEL_FIELD_BYTES; place++) {
        field[place] = 0;
    }
    if (width < 1 || height < 1 || width > 320 || height > 320
        || (int32_t)width * height > 320L * 240L) {
        return MODEL_BLANK;
    }
    picture.gray = gray;
    picture.stride = stride;
    model_count(&picture, width, height, counts);
    is_dark = model_is_dark(&picture, width, height, model_threshold(counts, &dark, &light));
    if (light - dark < MODEL_CONTRAST * 256) {
        return MODEL_BLANK;
    }

    /* The mean of the paper is no ink, that of the ink is full ink. */
    picture.depths = counts;
    for (level = 0; level < 256; level++) {
        int32_t depth = ((int32_t)level * 256 - dark) * 255 / (light - dark);

        if (!is_dark) {
            depth = 255 - depth;
        }
        /* A fifth and less is the paper's noise. */
        counts[level] = depth < 51 ? 0 : depth > 255 ? 255 : (uint8_t)depth;
    }
    if (!model_find(&picture, width, height)) {
        return MODEL_BLANK;
    }
    model_draw(&picture, field);
    return MODEL_FOUND;
}
