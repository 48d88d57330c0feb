"""ExecuTorch's program.fbs (identifier ET12) and XNNPACK's runtime_schema.fbs (XN00, XN01), as engines/flat_table.py reads them.

cpp/engines/pte_schema.hpp holds the same texts; a test compares them.
"""

from __future__ import annotations

PROGRAM = """
Program version:u32 execution_plan:[Plan] constant_buffer:[Buffer] backend_delegate_data:[Buffer] segments:[Segment]
 constant_segment:Offsets mutable_data_segments:[Offsets]? named_data:[Named]?
Plan name:string container_meta_type:Empty values:[Value] inputs:[i32] outputs:[i32] chains:[Chain]
 operators:[Operator] delegates:[Delegate] non_const_buffer_sizes:[i64] non_const_buffer_device:[BufferDevice]?
Empty
Value val:Null|Int|Bool|Double|Tensor|String|IntList|DoubleList|BoolList|TensorList|OptionalTensorList
Null
Int int_val:i64
Bool bool_val:bool
Double double_val:f64
Tensor scalar_type:i8 storage_offset:i32 sizes:[i32] dim_order:[u8] requires_grad:bool data_buffer_idx:u32
 allocation_info:Allocation? layout:i8 shape_dynamism:i8 extra_tensor_info:Extra?
Allocation memory_id:u32 memory_offset_low:u32 memory_offset_high:u32
Extra mutable_data_segments_idx:u64 fully_qualified_name:string? location:i8 device_type:i8 device_index:i8
String string_val:string
IntList items:[i64]
DoubleList items:[f64]
BoolList items:[u8]
TensorList items:[i32]
OptionalTensorList items:[i32]
Chain inputs:[i32] outputs:[i32] instructions:[Instruction]
Instruction instr_args:KernelCall|DelegateCall|MoveCall|JumpFalseCall|FreeCall
KernelCall op_index:i32 args:[i32]
DelegateCall delegate_index:i32 args:[i32]
MoveCall move_from:i32 move_to:i32
JumpFalseCall cond_value_index:i32 destination_instruction:i32
FreeCall value_index:i32
Operator name:string overload:string
Delegate id:string processed:Processed compile_specs:[Spec]
Processed location:i8 index:u32
Spec key:string value:[u8]?
Buffer storage:[u8]
Segment offset:u64 size:u64
Offsets segment_index:u32 offsets:[u64]
Named key:string segment_index:u32
BufferDevice buffer_idx:i32 device_type:i8 device_index:i8
"""

XNNPACK = """
Graph version:string xnodes:[Node] xvalues:[Value] num_externs:u32 input_ids:[u32] output_ids:[u32]
 constant_buffer:[Buffer]? mem_buffer_sizes:[u32]? constant_data:[Constant]
Node xnode_union:Two|Full|One|One|Transpose|One|Conv|Two|Resize|Pad|Pool|Two|Conv|Pool|Two|Two|One|One|One|
 Reshape|ArgMaxPool|One|One|One|Leaky|Two|One|One|Elu|One|Two|Cat|Cat|Cat|
 Slice|Attention|Two|Cat|Conv|One|One|One|One|One|One|One|One debug_handle:u32 output_min_max:MinMax?
MinMax output_min:f32 output_max:f32
Value xvalue_union:Tensor|Quantized
Tensor datatype:i16 num_dims:u32 dims:[u32] constant_buffer_idx:u32 external_id:u32 flags:u32 id_out:u32
 dq_datatype:i16
Quantized
Buffer storage:[u8]
Constant offset:u64 size:u64 named_key:string?
Two input1_id:u32 input2_id:u32 output_id:u32 flags:u32
One input_id:u32 output_id:u32 flags:u32
Full input1_id:u32 filter_id:u32 bias_id:u32 output_id:u32 flags:u32
Transpose num_dims:u32 perm:[u32] input_id:u32 output_id:u32 flags:u32
Resize new_height:u32 new_width:u32 input_id:u32 output_id:u32 flags:u32
Pad pre_paddings:[u32] post_paddings:[u32] padding_value:f32 input_id:u32 output_id:u32 flags:u32
Cat axis:u32 input1_id:u32 input2_id:u32 input3_id:u32 input4_id:u32 output_id:u32 flags:u32 input5_id:u32
Elu alpha:f32 input_id:u32 output_id:u32 flags:u32
Leaky negative_slope:f32 input_id:u32 output_id:u32 flags:u32
Conv padding_top:u32 padding_right:u32 padding_bottom:u32 padding_left:u32 kernel_height:u32 kernel_width:u32
 subsampling_height:u32 subsampling_width:u32 dilation_height:u32 dilation_width:u32 group_input_channels:u32
 group_output_channels:u32 groups:u32 adjustment_height:u32 adjustment_width:u32 input1_id:u32 filter_id:u32
 bias_id:u32 output_id:u32 flags:u32
Pool padding_top:u32 padding_right:u32 padding_bottom:u32 padding_left:u32 pooling_height:u32 pooling_width:u32
 stride_height:u32 stride_width:u32 dilation_height:u32 dilation_width:u32 input_id:u32 output_id:u32 flags:u32
Reshape num_dims:u32 new_shape:[u32] input_id:u32 output_id:u32 flags:u32
Slice num_dims:u32 offsets:[u32] sizes:[u32] input_id:u32 output_id:u32 flags:u32
Attention query_id:u32 key_id:u32 value_id:u32 scale_id:u32 mask_id:u32 output_id:u32 flags:u32
ArgMaxPool padding_top:u32 padding_right:u32 padding_bottom:u32 padding_left:u32 pooling_height:u32
 pooling_width:u32 input_id:u32 output_value_id:u32 output_index_id:u32 flags:u32
"""
