#define MODEL_IMPLEMENTATION
#include "model.h"
