"""Mutants of int8: bytes that mean something else than what reads them takes them for, and sums that are not exact."""

from __future__ import annotations

from mutants.mutant import Mutant

_CGEN = "python/torchferry/cgen"
_C = f"{_CGEN}/kernels"
_OPS = f"{_CGEN}/ops"
_PASSES = f"{_CGEN}/passes"
_IMAGES = "tests/python/cgen/test_int8_images.py"
_PATHS = "tests/python/cgen/test_int8.py::test_every_path_gives_the_integers_of_the_definition"
_NEAR = "tests/python/cgen/test_int8.py::test_outputs_stay_near_the_float_models"
_SUMS = f"{_IMAGES}::test_sums_of_a_convolution_are_those_of_torch_in_float64"
_BETWEEN = f"{_IMAGES}::test_between_the_first_and_the_last_product_there_is_no_float"
_MODULE = "tests/python/cgen/test_from_module.py"
_LOOP = "tests/python/cgen/test_int8_recurrence.py::test_answers_are_near_to_float64"
_INT16 = "tests/python/cgen/test_int16.py"
_VECTORS = "tests/edge/test_same_bits.py::test_vectors_of_arm_give_the_same_bits"

ROWS = (
    Mutant(
        f"{_C}/int16_columns.c",
        "#define MODEL_INT16_BLOCK 128",
        "#define MODEL_INT16_BLOCK 1280",
        f"{_INT16}::test_a_product_is_exact_or_rounded_once",
        "sums of int16 overflow 32 bits before they are added to those of 64",
    ),
    Mutant(
        f"{_C}/int16_columns.c",
        "(UINT64_C(1) << 62) + (UINT64_C(1) << (bits - 1))",
        "(UINT64_C(1) << 62)",
        f"{_INT16}::test_a_product_is_exact_or_rounded_once",
        "sums of 64 bits are cut and not rounded",
    ),
    Mutant(
        f"{_C}/int16_conv2d.c",
        "is_inside ? x[at] : zero",
        "is_inside ? x[at] : 0",
        f"{_INT16}::test_a_patch_is_the_window_with_zeros_after_it",
        "the padding of int16 is not what 0 means",
    ),
    Mutant(
        f"{_OPS}/int16_linear.py",
        "-INT16_LEAST * np.abs(weight)",
        "255 * np.abs(weight)",
        f"{_INT16}::test_the_steps_are_the_finest_that_32_bits_hold",
        "sums of int16 are taken for sums of bytes",
    ),
    Mutant(
        f"{_PASSES}/byte_values.py",
        'return step.int8_form == "same" or (is_float and',
        'return step.int8_form == "same" or (',
        f"{_INT16}::test_an_index_of_16_bits_is_no_sound",
        "an index of int16 counts as a sound",
    ),
    Mutant(
        f"{_PASSES}/quantize.py",
        "                return moved",
        "                return int16_for(seen)",
        f"{_INT16}::test_moved_samples_are_the_samples",
        "moved samples are rounded to another grid",
    ),
    Mutant(
        f"{_C}/columns.c",
        "    const MODEL_TABLE float *const w = table",
        "    const float *const w = table",
        "tests/edge/test_avr.py::test_an_avr_gives_the_bits_of_the_self_test",
        "an AVR reads weights of its flash from RAM",
    ),
    Mutant(
        "python/torchferry/cgen/emit/tables.py",
        'return f"/* {comment} */\\nstatic const {TABLE} {ctype} {name}',
        'return f"/* {comment} */\\nstatic const {ctype} {name}',
        "tests/edge/test_avr.py::test_tables_lie_in_flash_and_give_the_bits_of_the_self_test",
        "tables of an AVR lie in RAM",
    ),
    Mutant(
        f"{_C}/quantize.c",
        "scaled < low - 0.5f || scaled > high + 0.5f",
        "scaled > high + 0.5f",
        "tests/python/cgen/test_saturations.py",
        "numbers below the bytes are not counted",
    ),
    Mutant(
        f"{_C}/saturations.c",
        "  model_beyond_bytes = 0;",
        "  (void)0;",
        "tests/python/cgen/test_saturations.py",
        "the counter does not start again",
    ),
    Mutant(
        f"{_C}/helium_conv2d.c",
        "const size_t j = done + 4 <= count || done == 0 ? done : count - 4;",
        "const size_t j = done + 4 <= count || done == 0 ? done : count - 5;",
        _VECTORS,
        "the last four pixels of a row are not the last",
    ),
    Mutant(
        f"{_C}/byte_paths.c",
        "vdotq_u32(vdupq_n_u32(0), bytes, more)",
        "vdotq_u32(vdupq_n_u32(0), bytes, bytes)",
        _VECTORS,
        "what weights with 128 more add to a sum is not taken off again",
    ),
    Mutant(
        f"{_OPS}/integer_conv2d.py",
        "at_zero = self.zero * self.weight.reshape(self.results, -1).sum(axis=1)",
        "at_zero = 0",
        _SUMS,
        "the padding of an int8 convolution is no zero",
    ),
    Mutant(
        f"{_OPS}/integer_pool2d.py",
        "x[..., source[0], source[1]].astype(np.int64) - self.zero",
        "x[..., source[0], source[1]].astype(np.int64)",
        f"{_IMAGES}::test_a_mean_of_bytes_is_that_of_torch",
        "positions outside of an int8 pool count as the lowest byte",
    ),
    Mutant(
        f"{_OPS}/integer_pool2d.py",
        "np.maximum(part, x[..., source[0], source[1]], out=part)",
        "np.copyto(part, x[..., source[0], source[1]])",
        f"{_IMAGES}::test_the_largest_of_bytes_is_that_of_torch",
        "the last byte of a window instead of the largest",
    ),
    Mutant(
        f"{_OPS}/integer_sum.py",
        "offset = round(real * 2**shift) + (1 << (shift - 1))",
        "offset = round(real * 2**shift)",
        f"{_IMAGES}::test_a_sum_of_bytes_is_within_one_step_of_the_exact_one",
        "a sum of bytes is cut off instead of rounded",
    ),
    Mutant(
        f"{_PASSES}/byte_values.py",
        "return () if around <= kept else kept & around",
        "return kept & around",
        _BETWEEN,
        "sums and copies between products go through float32",
    ),
    Mutant(
        f"{_PASSES}/byte_values.py",
        "found = found.joined(ranges[other])",
        "found = ranges[other]",
        "tests/python/cgen/test_int8_images.py::test_bytes_that_a_slice_shares_hold_the_whole_value",
        "what is set beside each other has the range of one of them only",
    ),
    Mutant(
        f"{_PASSES}/fixed_point.py",
        "least, most = function_bytes(chain, np.array([-np.inf, np.inf]), kind).tolist()",
        "least, most = 0, BYTE_MOST",
        f"{_IMAGES}::test_a_clamp_is_the_limit_of_the_fixed_point",
        "a clamp is left out where the bytes reach further",
    ),
    Mutant(
        f"{_PASSES}/caller_numbers.py",
        "zero, kind = -float(affine.shift) / float(affine.scale), of_itself(value)",
        "zero, kind = 1 - float(affine.shift) / float(affine.scale), of_itself(value)",
        f"{_IMAGES}::test_pixels_that_are_scaled_are_read_as_they_are",
        "pixels are one level darker in int8",
    ),
    Mutant(
        f"{_C}/fill_byte_lines.c",
        "const size_t after = i < w->sample[0] ? end : left;",
        "const size_t after = end;",
        _PATHS,
        "an int8 convolution reads above and below its image",
    ),
    Mutant(
        f"{_C}/fill_byte_lines.c",
        "row > 0 ? w->size[0] - w->stride[0] : 0;",
        "row > 0 ? w->size[0] : 0;",
        _PATHS,
        "an int8 convolution sees the rows of the image above once more",
    ),
    Mutant(
        f"{_C}/step.c",
        "const __m256i index = _mm256_srai_epi32(upper, s->shift - 32);",
        "const __m256i index = _mm256_srai_epi32(upper, s->shift - 31);",
        _PATHS,
        "the AVX2 path gives half the byte",
    ),
    Mutant(
        f"{_C}/integer_max_pool2d.c",
        "if (i < w->sample[0] && at < w->sample[1]) {",
        "if (i < w->sample[0] && at <= w->sample[1]) {",
        _PATHS,
        "an int8 pool reads beyond its row",
    ),
    Mutant(
        f"{_OPS}/recurrence.py",
        "return (codes @ self.weight.T + self.bias).astype(np.float32) * self.unit.astype(np.float32)",
        "return (codes @ self.weight.T).astype(np.float32) * self.unit.astype(np.float32)",
        _LOOP,
        "the zero of the state's bytes counts as a state",
    ),
    Mutant(
        f"{_PASSES}/quantize.py",
        "bytes_for(seen.joined(self._ranges[start]) if isinstance(start, Value) else seen)",
        "bytes_for(seen)",
        _LOOP,
        "a first state beyond the steps saturates",
    ),
    Mutant(
        f"{_OPS}/integer_linear.py",
        "largest = _grid(weight)",
        "largest = np.abs(weight).max(axis=1) / WEIGHT_MOST",
        f"{_MODULE}::test_weights_on_a_grid_of_their_own_keep_its_numbers",
        "weights that were trained on a grid are rounded to another one",
    ),
    Mutant(
        f"{_PASSES}/byte_values.py",
        "grids = {self.grids[other] for other in group if other in self.grids}",
        "grids: set[Bytes] = set()",
        f"{_MODULE}::test_scores_are_within_steps_of_what_torch_computes",
        "calibration overrules the scales that a module was trained with",
    ),
    Mutant(
        "python/torchferry/intake/fake_quantised.py",
        "if not bool(part.fake_quant_enabled.flatten()[0]):",
        "if False:",
        "tests/python/intake/test_fake_quantised.py::test_a_rounding_that_is_switched_off_rounds_nothing",
        "a fake quantisation that is switched off rounds all the same",
    ),
)
