"""Mutants of cgen/: C that computes something else than its definition, graphs that no check stops, operators that are another."""

from __future__ import annotations

from mutants.mutant import Mutant

_CGEN = "python/torchferry/cgen"
_C = f"{_CGEN}/kernels"
_OPS = f"{_CGEN}/ops"
_PASSES = f"{_CGEN}/passes"
_KERNELS = "tests/python/cgen/test_kernels.py"
_REDUCED = f"{_KERNELS}::test_a_row_is_reduced_as_in_float64"
_FIRST = f"{_KERNELS}::test_the_first_of_equal_scores_is_chosen_and_nan_before_any_number"
_POOLS = "tests/python/cgen/test_pools.py::test_the_bits_of_the_definition_near_float64"
_WINDOWS = f"{_KERNELS}::test_a_window_slides_as_in_torch"
_FUNCTION = f"{_KERNELS}::test_a_function_is_as_near_to_the_exact_value_as_it_says"
_COMPOSED = f"{_KERNELS}::test_a_composed_function_is_near_the_exact_value"
_PRODUCT = f"{_KERNELS}::test_a_product_is_that_of_float64"
_SPECIAL = "tests/python/cgen/test_networks.py::test_special_numbers_come_out_as_the_definition_says"
_NAN = "tests/python/cgen/test_networks.py::test_nan_and_infinity_behave_as_in_eager"
_LAST = "tests/python/cgen/test_channels_last.py"
_VERIFY = "tests/python/cgen/test_verify.py"
_FOLD = "tests/python/cgen/test_fold.py"
_INT8 = "tests/python/cgen/test_int8.py"
_MEMORY = "tests/python/cgen/test_memory.py tests/python/cgen/test_plan.py"
_WEIGHTS = "tests/python/cgen/test_weights.py"
_REFUSALS = "tests/python/cgen/test_refusals.py"
_TRANSPOSED = "tests/python/cgen/test_transposed.py"
_OF_ONE = "tests/python/cgen/test_functions_of_one.py"

ROWS = (
    Mutant(
        f"{_OPS}/conv_transpose2d.py",
        "max(before, 0), step, max(-before, 0)",
        "max(before, 0), step, 0",
        _TRANSPOSED,
        "more padding of a transposed convolution than its window reaches",
    ),
    Mutant(
        f"{_OPS}/conv_transpose2d.py",
        "step = dilation // math.gcd(dilation, stride)",
        "step = dilation",
        _TRANSPOSED,
        "the weights of a phase lie nearer than the dilation",
    ),
    Mutant(
        f"{_OPS}/conv_transpose2d.py",
        "weight, padding = np.zeros((*weight.shape[:2], 1, 1)), (results[0], 0)",
        "weight, padding = np.ones((*weight.shape[:2], 1, 1)), (0, 0)",
        _TRANSPOSED,
        "results that no weight reaches",
    ),
    Mutant(f"{_C}/spread_line.c", "y[j * apart + o * between] =", "y[j * apart + o] =", _TRANSPOSED, "planes of a phase"),
    Mutant(
        f"{_PASSES}/functions_of_one.py",
        'return alike and node.output.dtype == "float32" and',
        "return",
        _OF_ONE,
        "a function that jumps is a table",
    ),
    Mutant(
        f"{_PASSES}/functions_of_one.py",
        "return read.pop() if len(read) == 1 and",
        "return read.pop() if",
        _OF_ONE,
        "a function of two values is taken for one of the first",
    ),
    Mutant(
        "python/torchferry/cgen/kernels/product.c",
        "a[(size_t)r * count + k] * value",
        "a[(size_t)r * count] * value",
        "tests/python/cgen/test_operators.py",
        "a product of two values takes one number of a row for all",
    ),
    Mutant(f"{_C}/argmax.c", "if (x[j] > x[best] ||", "if (x[j] >= x[best] ||", _FIRST, "the last of equal scores"),
    Mutant(f"{_C}/argmax.c", " || (x[j] != x[j] && x[best] == x[best])", "", _FIRST, "NaN is never the largest"),
    Mutant(
        f"{_C}/largest.c",
        "for (; j < width; ++j) {",
        "for (; j + 1 < width; ++j) {",
        _REDUCED,
        "the last element is left out",
    ),
    Mutant(
        f"{_C}/reduce_sum.c",
        "sums[j % 8] += x[j * stride];",
        "sums[j % 8] = x[j * stride];",
        _REDUCED,
        "a sum over more than eight elements",
    ),
    Mutant(
        f"{_C}/log_softmax.c",
        "y[j] = (x[j] - largest) - logarithm;",
        "y[j] = x[j] - logarithm;",
        _REDUCED,
        "the shift is not taken back",
    ),
    Mutant(
        f"{_C}/max_pool2d.c",
        "return value == value ? larger : value;",
        "return larger;",
        _WINDOWS + " " + _NAN,
        "a pool drops NaN",
    ),
    Mutant(
        f"{_C}/max_pool2d.c",
        "w->padding[0] >= w->sample[0]) {",
        "w->padding[0] > w->sample[0]) {",
        _POOLS,
        "a pool reads beyond its rows",
    ),
    Mutant(
        f"{_C}/avg_pool2d_count.c",
        "(padded ? 2 : 1) * padding;",
        "2 * padding;",
        _WINDOWS,
        "a mean counts padding that it must not",
    ),
    Mutant(
        f"{_C}/fill_line.c",
        "const size_t after = i < w->sample[0] ? end : left;",
        "const size_t after = end;",
        f"{_KERNELS}::test_lines_are_the_rows_of_the_padded_image",
        "a convolution reads above and below its image",
    ),
    Mutant(
        f"{_C}/fill_lines.c",
        "row > 0 ? w->size[0] - w->stride[0] : 0;",
        "row > 0 ? w->size[0] : 0;",
        f"{_KERNELS}::test_lines_are_the_rows_of_the_padded_image",
        "a convolution sees the rows of the image above once more",
    ),
    Mutant(f"{_C}/conv2d.c", "own, x + g * channels, wide", "own, x, wide", _LAST, "a channel reads another group"),
    Mutant(
        f"{_C}/conv2d.c",
        "const size_t count = w->results[1], tiles = (count + most - 1) / most, longer = count % tiles;",
        "const size_t count = w->results[1], tiles = (count + most - 1) / most, longer = 0;",
        _LAST,
        "tiles of one size leave the last pixels of a row out, or go beyond it",
    ),
    Mutant(
        f"{_OPS}/linear.py",
        "ordered = np.moveaxis(self.weight.reshape(self.results, *self.x.shape), 1, -1)",
        "ordered = self.weight",
        f"{_LAST}::test_the_definition_is_near_to_float64",
        "a product of an image whose channels are last has its columns as before",
    ),
    Mutant(
        f"{_CGEN}/passes/channels_last.py",
        "if any(value not in twins or value.shape != shape for value in whole):",
        "if any(value not in twins for value in whole):",
        f"{_LAST}::test_the_definition_is_near_to_float64",
        "a function of two views of images in one order",
    ),
    Mutant(
        f"{_C}/relu.c",
        "(x < 0.0f ? 0.0f : x) + 0.0f",
        "(x > 0.0f ? x : 0.0f) + 0.0f",
        _SPECIAL + " " + _NAN,
        "relu turns NaN into 0",
    ),
    Mutant(
        f"{_C}/relu.c",
        "(x < 0.0f ? 0.0f : x) + 0.0f",
        "(x < 0.0f ? 0.0f : x)",
        _SPECIAL,
        "-0 comes out of relu",
    ),
    Mutant(
        f"{_C}/clamp.c",
        "return (above > high ? high : above) + 0.0f;",
        "return (x > high ? high : above) + 0.0f;",
        "tests/python/cgen/test_networks.py::test_of_limits_in_the_wrong_order_the_upper_one_counts_as_in_eager",
        "of limits in the wrong order the lower one counts",
    ),
    Mutant(
        f"{_C}/leaky_relu.c", "x < 0.0f ? x * slope : x", "x < 0.0f ? slope : x", _COMPOSED + " " + _SPECIAL, "another function"
    ),
    Mutant(
        f"{_C}/threshold.c",
        "x <= at ? value : x",
        "x < at ? value : x",
        _FUNCTION,
        "the threshold itself passes",
    ),
    Mutant(f"{_C}/elu.c", "model_expm1(below) * negative", "model_expm1(below)", _COMPOSED, "elu without its factor"),
    Mutant(
        f"{_C}/tanh.c",
        "return a < 0x1.4p-1f ? small : model_copysign(large, x);",
        "return a < 0x1.4p+1f ? small : model_copysign(large, x);",
        _FUNCTION,
        "the polynomial far outside its range",
    ),
    Mutant(
        f"{_C}/exp.c",
        "model_exp_falling(x > 0x1.64p+6f ? 0x1.64p+6f : x)",
        "model_exp_falling(x > 0x1.54p+6f ? 0x1.54p+6f : x)",
        _FUNCTION,
        "exp saturates too early",
    ),
    Mutant(
        f"{_C}/log.c",
        "return x > 0x1.fffffep+127f ? x : (x == x ? value : x);",
        "return x == x ? value : x;",
        f"{_KERNELS}::test_the_logarithm_of_infinity_is_infinity_and_that_of_nan_is_nan",
        "the logarithm of infinity",
    ),
    Mutant(f"{_C}/sigmoid.c", "(x < 0.0f ? power : 1.0f)", "(x <= 0.0f ? 1.0f : power)", _FUNCTION, "sigmoid upside down"),
    Mutant(f"{_C}/dot.c", "return sums[0] + bias;", "return sums[0];", _PRODUCT, "a product without its bias"),
    Mutant(
        f"{_C}/quantize.c",
        "(is_nan ? 0.0f : x) * inverse",
        "x * inverse",
        f"{_KERNELS}::test_bytes_become_floats_and_floats_bytes",
        "NaN is no byte",
    ),
    Mutant(
        f"{_C}/quantize.c",
        "(scaled > high ? high : scaled)",
        "scaled",
        f"{_KERNELS}::test_bytes_become_floats_and_floats_bytes",
        "bytes run over instead of saturating",
    ),
    Mutant(
        f"{_CGEN}/emit/sharing.py",
        "(birth, max(death, self._lives[value][1]))",
        "(birth, death)",
        _MEMORY,
        "memory is used again while a value in the place of another lives",
    ),
    Mutant(
        f"{_CGEN}/emit/sharing.py",
        "if value not in read]",
        "]",
        _MEMORY,
        "a result made row by row writes over what the next row reads",
        survives="only products of rows are made in parts today, and a row of a product reads no other row",
    ),
    Mutant(
        f"{_CGEN}/emit/sharing.py",
        "and self._found.owner(value) not in self._viewed",
        "and self._found.owner(value) not in self._caller",
        _MEMORY,
        "a value of which a slice is still read is written over",
    ),
    Mutant(
        f"{_CGEN}/index_map.py",
        " and not written[piece.targets].any()",
        "",
        _MEMORY,
        "what a copy overwrites is left as it lay there",
    ),
    Mutant(
        f"{_CGEN}/emit/arena.py",
        "if other.birth <= room.death and room.birth <= other.death",
        "if other.birth < room.death and room.birth < other.death",
        _MEMORY,
        "a result lies where the operand is still read",
    ),
    *(
        Mutant(f"{_CGEN}/emit/weights.py", f"if ({old}", f"if (0 && {old}", _WEIGHTS, why)
        for old, why in (
            ("(uintptr_t)p % MODEL_WEIGHTS_ALIGNMENT != 0", "weights at any address are read"),
            ("bytes < {HEADER}", "a header is read that is not there"),
            ("model_weights_number(p + 20) != 0", "weights that end too early are read"),
            ("p[32 + i] != model_code[i]", "weights of another model are read"),
            ("samples < MODEL_BATCH_ROWS", "the samples of the self-test lie outside"),
            ("p[{DIGEST_AT} + i] != digest[i]", "damaged weights are read"),
        )
    ),
    Mutant(
        f"{_CGEN}/emit/loops.py",
        "if self._model.weights is not None and self._is_weight(node, operand):",
        "if self._model.weights is not None and self._is_weight(node, operand) and operand.array.ndim:",
        _WEIGHTS,
        "a learnt number is part of the code",
    ),
    Mutant(
        f"{_CGEN}/generate.py",
        "model.plan.bytes > limits.workspace:",
        "model.plan.bytes > limits.workspace + 8:",
        f"{_REFUSALS}::test_a_workspace_above_the_limit_is_refused_and_its_layer_named",
        "a workspace above the limit",
    ),
    Mutant(
        f"{_C}/conv2d.c",
        "if (quads > 3) {",
        "if (quads > 4) {",
        "tests/python/cgen/test_channels_last.py::test_the_c_gives_the_bits_of_the_definition",
        "a tile with more vectors than it has room for, where vectors hold four numbers",
    ),
    Mutant(
        f"{_CGEN}/constants.py",
        "return constant if wider is None or str(node.target) in _BITS",
        "return constant if wider is None or True",
        "tests/python/cgen/test_same_text.py",
        "constants have the bits that torch gives on one kind of processor",
    ),
    Mutant(
        f"{_CGEN}/emit/facts.py",
        'Number("float", meanings[name].scale)',
        'Number("float", 2 * meanings[name].scale)',
        "tests/python/cgen/test_byte_io.py::test_the_c_gives_what_its_numbers_mean",
        "the header says of a byte that it means twice as much",
    ),
    Mutant(
        f"{_CGEN}/emit/weights.py",
        "{base} + {start + CELL * index}",
        "{base} + {start}",
        "tests/python/cgen/test_int8_weights.py::test_trainings_differ_in_the_weights_only",
        "separate weights have one number of a layer for all",
    ),
    Mutant(
        f"{_CGEN}/ops/integer_sum.py",
        'scope.number(kind, "int32_t", value) for kind, value in kinds.items()',
        "str(value) for value in kinds.values()",
        "tests/python/cgen/test_int8_weights.py::test_trainings_differ_in_the_weights_only",
        "what calibration decides of a sum stays in the code of separate weights",
    ),
    Mutant(
        "python/torchferry/formats/c_bytes.py",
        "meaning.zero_point + shift})",
        "meaning.zero_point})",
        "tests/python/cgen/test_byte_io.py::test_a_bundle_with_bytes_is_verified_by_both_programs",
        "a session gives an int8 model bytes around another zero",
    ),
    Mutant(
        f"{_C}/gather_uint8.c",
        "for (; i < end; ++i) {",
        "for (++i; i < end; ++i) {",
        f"{_KERNELS}::test_gather_finds_what_is_not_zero",
        "the last input is left out",
    ),
    Mutant(
        f"{_C}/strict.c",
        'optimize("fp-contract=off", "no-trapping-math")',
        'optimize("no-trapping-math")',
        "tests/python/cgen/test_strict.py::test_a_plain_compile_fuses_nothing",
        "multiplications and additions are fused",
    ),
    Mutant(
        f"{_OPS}/linear.py",
        "sums[i % self.sums] += rows[:, i, None] * weight[None, :, i]",
        "sums[i // self.sums % self.sums] += rows[:, i, None] * weight[None, :, i]",
        "tests/python/cgen/test_networks.py",
        "the definition sums in another order than C",
    ),
    Mutant(
        f"{_OPS}/linear.py",
        "if scale is None or not fits_float32(scale) or not (scale != 0).all() or not fits_float32(centre):",
        "if scale is None or not fits_float32(scale):",
        _FOLD,
        "a shift divided by a scale of 0",
    ),
    Mutant(
        f"{_OPS}/linear.py",
        "return replace(self, weight=weight, bias=bias, output=output) if fits_float32(weight, bias) else None",
        "return replace(self, weight=weight, bias=bias, output=output)",
        _FOLD,
        "folded weights that float32 cannot hold",
    ),
    Mutant(
        f"{_OPS}/linear.py",
        '    if (given["alpha"], given["beta"]) != (1, 1):',
        '    if given["alpha"] != 1:',
        _REFUSALS,
        "addmm without its factor",
    ),
    Mutant(
        f"{_OPS}/batch_norm.py",
        '    if given.get("training"):',
        '    if given.get("training") is None:',
        _FOLD,
        "batch norm in eval mode is refused",
    ),
    Mutant(
        f"{_OPS}/batch_norm.py",
        "np.repeat(array, math.prod(shape[1:]))",
        "np.tile(array, math.prod(shape[1:]))",
        "tests/python/cgen/test_operators.py",
        "BatchNorm2d by the statistics of other channels",
    ),
    Mutant(
        f"{_OPS}/comparisons.py",
        'Elementwise("ge", "{0} >= {1}"',
        'Elementwise("ge", "{0} > {1}"',
        "tests/python/cgen/test_operators.py",
        "C compares otherwise than the definition",
    ),
    Mutant(
        f"{_OPS}/argmax.py",
        "np.where(np.isnan(x).any(axis=1), np.isnan(x).argmax(axis=1), x.argmax(axis=1))",
        "np.where(np.isnan(x).all(axis=1), np.isnan(x).argmax(axis=1), np.nan_to_num(x).argmax(axis=1))",
        _NAN + " " + _SPECIAL,
        "the definition drops NaN",
    ),
    Mutant(
        f"{_OPS}/pool2d.py",
        "np.where((value > old) | np.isnan(value), value, old)",
        "np.where(value > old, value, old)",
        "tests/python/cgen/test_windows.py::test_the_definition_of_a_pool_keeps_nan_and_infinity",
        "the definition of a pool drops NaN",
    ),
    Mutant(
        f"{_OPS}/pool2d.py",
        "beyond = self.window.padding[axis] if self.padded else 0",
        "beyond = 0",
        "tests/python/cgen/test_windows.py::test_a_layer_is_as_near_to_float64_as_its_sums_are_long",
        "the definition of a mean does not count padding",
    ),
    Mutant(
        f"{_CGEN}/verify.py",
        "            if value not in defined:",
        "            if value in graph.inputs and value not in defined:",
        _VERIFY,
        "a value read before it is defined",
    ),
    Mutant(
        f"{_CGEN}/verify.py",
        "    if value in defined:",
        "    if value in defined and not value.shape:",
        _VERIFY,
        "a value written twice",
    ),
    Mutant(
        f"{_CGEN}/verify.py",
        "        if value.size != math.prod(shape):",
        "        if value.size < math.prod(shape):",
        _VERIFY,
        "an output in a smaller shape",
    ),
    Mutant(
        f"{_CGEN}/verify.py",
        "    if any(dim <= 0 for dim in value.shape):",
        "    if any(dim < 0 for dim in value.shape):",
        _VERIFY,
        "a value without elements",
    ),
    Mutant(
        f"{_CGEN}/verify.py",
        '        yield from (f"{where}: {problem}" for problem in node.problems())',
        "        yield from ()",
        _VERIFY,
        "no node's own rules",
    ),
    Mutant(
        f"{_PASSES}/fold.py",
        "    while uses.get(value) == 1 and value not in graph.outputs:",
        "    while uses.get(value) and value not in graph.outputs:",
        _FOLD,
        "a value that two read is folded away",
    ),
    Mutant(
        f"{_PASSES}/fold.py",
        "    while uses[value] == 1:",
        "    while uses[value] >= 1:",
        _FOLD,
        "an output is folded away",
    ),
    Mutant(
        f"{_PASSES}/fold.py",
        "        if not needed.isdisjoint(node.outputs):",
        "        if node.outputs:",
        _FOLD,
        "dead operators stay",
    ),
    Mutant(
        f"{_PASSES}/calibrate.py",
        "ranges[value] = seen.joined(ranges.get(value, seen))",
        "ranges[value] = seen",
        _INT8 + "::test_the_ranges_of_calibration_are_those_of_all_its_samples",
        "only the last samples calibrate",
    ),
    Mutant(
        f"{_PASSES}/calibrate.py",
        "    if not np.isfinite([low, high]).all():",
        "    if np.isnan(low):",
        _INT8 + "::test_calibration_data_on_which_a_layer_overflows_are_refused",
        "an infinite range",
    ),
    Mutant(
        f"{_PASSES}/calibrate.py",
        "    if array.min() == array.max():",
        "    if array.min() > array.max():",
        _INT8 + "::test_missing_or_constant_calibration_data_are_refused",
        "constant data calibrate",
    ),
    Mutant(
        f"{_PASSES}/fixed_point.py",
        "round(-low / step * 2.0**shift) + (1 << (shift - 1))",
        "round(-low / step * 2.0**shift)",
        "tests/python/cgen/test_pinned_bits.py",
        "sums are cut instead of rounded",
    ),
    Mutant(
        f"{_CGEN}/scales.py",
        "np.clip(np.where(scaled < 0, 0, scaled >> finish.shift), finish.least, finish.last)",
        "np.where(scaled < 0, 0, scaled >> finish.shift)",
        _INT8 + "::test_inputs_far_outside_the_calibration_saturate",
        "the definition runs over instead of saturating",
    ),
    Mutant(
        f"{_CGEN}/emit/facts.py",
        'balanced = text.count("(") == text.count(")")',
        "balanced = True",
        "tests/python/cgen/test_facts.py::test_only_an_expression_of_spdx_becomes_its_line",
        "a licence that no tool can read becomes SPDX's line",
    ),
    Mutant(
        "python/torchferry/packages/sources.py",
        "if sources.prefix in found:",
        "if sources.name in found:",
        "tests/python/packages/test_packages.py::test_what_cannot_be_packed_is_refused_and_nothing_is_written",
        "two bundles of one prefix overwrite each other",
    ),
    Mutant(
        "python/torchferry/packages/npm_texts.py",
        "if (wrong !== -1) throw",
        "if (wrong < -1) throw",
        "tests/python/packages/test_packages.py::test_an_engine_with_other_bits_is_told",
        "verify() of the npm package passes a wrong sample",
    ),
    Mutant(
        f"{_C}/argmax.c",
        "size_t best = 0;",
        "size_t best = 00;",
        "tests/edge/test_misra.py::test_only_recorded_rules_are_violated",
        "C that violates a rule of MISRA without a deviation on record",
    ),
)
