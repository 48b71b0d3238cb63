"""A check of schemathesis: a request that the document allows is refused only for what no schema can foresee.

schemathesis loads this module in its own environment.
"""

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

STORED = """
    idempotency_key_reused idempotency_key_of_other_kind no_such_dataset no_such_series no_such_class
    run_of_other_dataset field_for_other_inputs preset_for_other_inputs loss_for_other_task loss_for_two_classes
    class_weights_differ
    split_impossible too_few_for_folds no_own_parts dataset_without_parts no_training_examples validation_part_empty
    too_few_for_classes all_classes_of_one_example
    batch_statistics_of_one criterion_reached criterion_still_holds nothing_left_to_train_on
    cursor_malformed rows_expected pictures_expected rows_expected_in_file batch_shape_differs
    batch_task_differs batch_columns_differ batch_classes_differ sweep_metric_of_other_task sweep_without_validation
    baseline_not_compared sweep_knows_nothing sweep_deadline_passed no_such_run no_such_instance_column
"""  # depends on what is stored
CONTENT = """
    picture_unreadable picture_size_differs upload_empty part_missing catalogue_file_differs catalogue_parts_differ
    upload_without_line_breaks nothing_stands_out file_and_parts form_under_another_type archive_without_pictures
    unpacked_too_large inputs_not_named array_shape_differs array_of_objects array_cut_off array_unreadable
    array_type_unsupported file_damaged member_damaged member_unreadable row_unreadable archive_damaged
    body_empty file_not_as_declared
"""  # depends on the content of a file
COMPUTED = """
    too_many_parameters too_many_layers layers_too_deep needs_pictures residual_shape_changed residual_stride_uneven
    nothing_trainable spike_after_end fold_out_of_range parts_too_large schedule_needs_end by_hand_batch_too_large
    by_hand_too_large by_hand_too_many_layers not_by_hand trace_batch_too_large class_names_repeat unknown_encoding
    seeds_repeat window_too_large json_length_malformed inference_not_json bytes_left_over no_such_tensor
    tensor_without_data model_named_like_run shares_do_not_sum run_or_runs label_or_value one_picture_drawn
    sweep_known_without_tpe sweep_halving_needs_epochs sweep_without_trials
"""  # follows from several fields by a calculation
ADDRESS = "filter_missing catalogue_says_how column_typed_twice batch_source"  # one parameter excludes another
# Parts of a request that are merged with those of the run.
MERGED = ("/split", "/scaling", "/augment", "/model", "/loss", "/optimizer", "/schedule", "/stop", "/tags")
SPACES = ("/grid", "/random", "/tpe")  # values for any field of a run
UNFORESEEN = set(f"{STORED} {CONTENT} {COMPUTED} {ADDRESS}".split())


def is_unforeseen(case, error):
    """True if the document cannot say that this error follows."""
    merged = case.operation.path.endswith("/again") and error["pointer"].startswith(MERGED)
    searched = case.operation.path.startswith("/sweeps") and error["pointer"].startswith(SPACES)
    return merged or searched or error["code"] in UNFORESEEN or error["code"].startswith("instance_")


@schemathesis.check
def allowed_requests_are_taken(ctx, response, case):
    """Refuse what `positive_data_acceptance` refuses, unless the problem's codes are known to depend on data."""
    if response.status_code in (400, 413, 415, 422):
        problem = response.json()
        errors = problem["errors"] or [{"code": problem["code"], "pointer": ""}]
        if all(is_unforeseen(case, error) for error in errors):
            return None
    return positive_data_acceptance(ctx, response, case)
