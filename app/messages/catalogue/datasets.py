"""Refusals of uploads, pictures and splits."""

ARCHIVES = {
    "archive_damaged": "the archive is damaged or cut off ({reason}); send it again",
    "archive_too_many_files": "the archive holds over {limit:,} files; leave some out",
    "zip_directory_too_large": (
        "the zip's list of members is over {limit:,} bytes; pack it as .tar.gz, which has no list, or leave some out"
    ),
    "zip_too_many_entries": (
        "the zip's list of members has over {limit:,} entries; pack it as .tar.gz, which has no list, or leave some out"
    ),
    "tar_header_too_large": "the tar archive has a name or header of over {limit:,} bytes",
    "tar_damaged": "the tar archive is damaged: a header cannot be read; send it again",
    "tar_cut_off": "the tar archive is cut off: it ends before its end mark; send it again",
    "tar_sparse": "the tar archive holds sparse files; pack it without --sparse",
    "upload_too_large": "unpacked, it is over {limit:,} bytes; leave some out",
    "file_damaged": "the file is damaged or cut off ({reason}); send it again",
    "too_few_classes": (
        "{?only:only the folder {only!r} holds}{~only:no folder holds} pictures that can be read; a dataset has a "
        "folder for each of at least two classes, such as letters/A/1.png and letters/B/1.png"
        "{?skipped:. {skipped:,} {skipped_what} skipped; {file}: {reason}}"
    ),
    "too_many_classes": "there are {classes:,} folders with pictures; at most {limit:,} classes are read",
    "decoder_crashes": (
        "over {limit} pictures crashed their decoder, or took too much time or memory; save the pictures again"
    ),
}

FORMATS = {
    "other_format": "this is {what}; {advice}",
    "unknown_format": (
        "this is nothing that can be read; send {formats}"
        "{?maybe_text:; if it is a table in UTF-16 without a byte order mark, add {@option:encoding=utf-16-le} or "
        "{@option:encoding=utf-16-be}}"
    ),
    "options_do_not_apply": "this is {format}; it takes {takes:, }, and not {not_taken:, }: leave that out",
    "option": "{@option:{name}=}",
    "unknown_encoding": (
        "{encoding!r} is no character encoding that is read; usual ones are utf-8, utf-16-le, cp1250 (Polish), cp1251 "
        "(Russian), cp1252 (German), gb18030 (Chinese), cp932 (Japanese)"
    ),
    "download_failed": ("{file} cannot be downloaded: {reasons:; }. {by_hand}"),
    "fetch_by_hand": (
        "Fetch {files:, } elsewhere (see {source}) and import from disk: "
        "antigrad datasets add {name} {files: }"
        "{@http:, or: curl -F {parts: -F } 'localhost:8000/datasets?name={name}&catalogue={name}'}"
    ),
    "not_california": "the archive does not hold {table}; it is not the California housing archive",
    "california_damaged": "{table} is not the table of nine columns that it should be: {reason}",
}

TABLES = {
    "target_not_named": (
        "say which column is to be predicted, with {@option:target=}; the columns are {names:, }{?more:, …}"
    ),
    "text_without_target": (
        "this is no archive; send {formats}. If it is a table with the columns {names:, }{?more:, …}: say with "
        "{@option:target=} which one is to be predicted"
    ),
    "no_such_column": (
        "no column is called {target!r}, as {@option:target=} says; the columns are {names:, }{?more:, …}"
    ),
    "table_in_guessed_encoding": "{reason}; {guess}",
    "table_is_binary": "this is neither an archive nor a table that can be read; see the formats in the docs",
    "table_empty": "the table is empty; its first line has the columns' names",
    "table_without_rows": "the table has no rows, only the names of its columns; add examples",
    "table_without_inputs": "the table has only the column {target!r}; add columns to predict it from",
    "too_many_columns": "the table has {columns:,} columns; {least:,} to {limit:,} are read",
    "too_many_rows": "the table has over {limit:,} rows; leave some out",
    "too_many_lines": "the table has over {limit:,} lines; leave some out",
    "table_too_large": (
        "{columns:,} columns of {rows:,} rows, one column for each value of a category, are too much; at most "
        "{most_columns:,} columns and {most_bytes:,} bytes are read: ignore some columns with {@option:types=}"
    ),
    "duplicate_column": "two columns are called {column!r}; give each its own name in the first line",
    "column_not_read": (
        "the column {column!r} is to be a {kind} and holds {holds}, which are not read; write them as numbers or "
        "texts, or leave its type out"
    ),
    "column_not_numeric": (
        "the column {column!r} is to be a number and holds {value!r}; leave its type out, or make it a category"
    ),
    "column_has_too_many_categories": (
        "the column {column!r} is to be a category and has over {limit} different values; an input has at most {limit}"
    ),
    "typed_column_missing": "{@option:types=} names a column {column!r}, which does not exist",
    "target_typed": (
        "{@option:types=} names the target {column!r}; use {@option:task=classification} or "
        "{@option:task=regression} instead"
    ),
    "no_inputs_left": "no column is left to predict from: {reasons:, }{?more:, …}",
    "column_unusable": "{column!r}: {reason}",
    "column_ignored": "{column!r}: {@option:types=} ignores it",
    "all_inputs_ignored": (
        "no column is left to predict from: {@option:types=} ignores them all; leave one of them out of it"
    ),
    "line_unreadable": (
        "line {line:,} cannot be read: {reason}; a quote may be open: close it, or double it where it is part of a "
        "value"
    ),
    "row_over_several_lines": (
        "line {line:,} has {values:,} value{?several:s}, the header {columns:,}, and goes on to line {last:,}; a quote "
        "may be open: close it, or double it where it is part of a value"
    ),
    "row_too_long": (
        "line {line:,}: a row of over {limit:,} letters; a quote may be open: close it, or double it where it is part "
        "of a value"
    ),
    "line_with_nul": "line {line:,} holds a NUL, which no text does; save the table again",
    "not_text": (
        "{?line:after line {line:,} it is}{~line:its beginning is} no text ({reason}); save it as UTF-8, or name its "
        "encoding with {@option:encoding=}"
    ),
    "no_row_read": (
        "nothing of the table can be read: {?several:all its {rows:,} rows are}{~several:its only row is} left out; "
        "{file} {reason}"
    ),
    "target_not_read": ("the target {target!r} holds {holds}, which are not read; choose a column of numbers or texts"),
    "target_missing": (
        "the target {target!r} is missing in every row{?skipped:. {skipped:,} {skipped_what} skipped; {file}: {reason}}"
    ),
    "target_not_numeric": (
        "a regression predicts numbers, and the target {target!r} holds {value!r}; leave {@option:task=regression} out "
        "for a classification"
    ),
    "target_constant": "the target{?target: {target!r}} is {value!r} in every row: there is nothing to predict",
    "target_constant_as_float32": (
        "the target{?target: {target!r}} goes from {least} to {greatest}, which are the same number as float32, the "
        "type it is stored in; subtract what all have in common, or scale it"
    ),
    "target_has_too_many_classes": (
        "the target {target!r} has over {limit:,} different values, the limit of a classification"
        "{?value:; if it is a number, write it differently from {value!r}}"
    ),
    "parquet_damaged": "the Parquet file is damaged or cut off ({reason}); send it again",
    "parquet_compressed": "the Parquet file is compressed once more; send it as it is",
}

ARRAYS = {
    "labels_out_of_range": "the labels go from {least:,} to {most:,}; labels are 0 to {limit} at most",
    "label_without_name": (
        "there is a label {label}, and {@option:classes=} names {classes}, 0 to {last}; name every class"
    ),
    "one_class": "every label is {label}; a classification has at least two classes",
    "picture_shape_unsupported": (
        "the pictures have {channels} channels and {height}×{width} pixels; a picture has 1 or 3 channels and at most "
        "{limit}×{limit} pixels"
    ),
    "picture_shape_differs": (
        "the pictures are {shape:×} and {@option:shape=} says {wanted:×}; pictures stored as numbers keep their size: "
        "leave {@option:shape=} out, or send picture files to have them resized"
    ),
    "idx_without_partner": (
        "this is one IDX file; send pictures and labels together"
        "{@http:: -F images=@FILE -F labels=@FILE}{@cli:: antigrad datasets add NAME IMAGES LABELS}"
    ),
    "idx_part_missing": ("{sent:, } came without {missing}; send both{@http:, as multipart: -F {missing}=@FILE}"),
    "idx_parts_differ": "{part} are {shape:×}, the others {wanted:×}",
    "idx_counts_differ": "{images} holds {pictures:,} pictures, {labels} {count:,} labels",
    "idx_empty": "there is no picture in it; send images and labels{@http:, as multipart}",
    "idx_size_wrong": "the IDX header promises the shape ({shape:, }), the file holds {bytes:,} bytes",
    "idx_no_magic": "not an IDX file of unsigned bytes: it would begin with 00 00 08",
    "idx_header_cut_off": "the IDX file ends within its header; send it again",
    "idx_dimensions_wrong": "{part} has {dimensions} dimensions, where pictures have 3 and their labels 1",
    "idx_cut_off": "the header of {part} promises {promised:,} {what}, the file holds {held:,}",
    "idx_too_long": "the header of {part} promises {promised:,} {what}, the file holds more",
    "idx_too_many_labels": "the header of {part} promises {promised:,} labels; at most {limit:,} are read",
    "pictures_have_classes": ("{@option:task=regression} is for tables: pictures have classes; leave it out"),
    "feature_names_differ": "feature_names has {names} names for {columns} columns",
    "too_many_names": "{array} holds {names:,} names; there are at most {limit:,}",
    "text_damaged": "a text in it is damaged ({reason}); send it again",
    "parts_wrong": "parts has for each example 0, 1 or 2: to train on, for validation, for the test",
    "array_cut_off": "{file} ends {bytes:,} bytes before the end that its header promises",
    "member_unreadable": "{file} {reason}",
    "member_damaged": "{file} is damaged in the archive ({reason}); send it again",
    "array_unreadable": "{array} is no array that can be read: {reason}",
    "array_of_objects": "{array} holds Python objects, which are never loaded; save it as numbers",
    "array_type_unsupported": "{array} is of the type {type}; numbers and short texts are read",
    "array_shape_impossible": (
        "the header of {array} promises the shape {shape}, which no array of a dataset can have"
    ),
    "array_without_partner": "the .npz holds {array} without {missing}; a dataset has both",
    "arrays_unknown": "the .npz holds the arrays {names:, }{?more:, …}{~names:none}; a dataset has {wanted}",
    "array_shapes_differ": (
        "the inputs have the shape ({inputs:, }), the targets ({targets:, }); give (N, …) and (N,)"
    ),
    "too_many_examples": "there are {examples:,} examples; at most {limit:,} are read",
    "part_shapes_differ": "the parts differ in shape: {shapes:, }",
    "inputs_unsupported": (
        "the inputs are {type} of the shape ({shape:, }); pictures are uint8 from 0 to 255, (N, H, W), (N, C, H, W) or "
        "(N, H, W, 3); a table is (N, D)"
    ),
    "inputs_are_texts": "the inputs are texts; send a table of texts as CSV",
    "input_not_finite": "an input is ∞, or larger than float32 can hold",
    "class_count_wrong": "the targets have {classes:,} different values; a classification has 2 to {limit:,}",
    "targets_not_whole": ("the targets are no whole numbers, as classes are; leave {@option:task=classification} out"),
    "targets_are_texts": ("the targets are texts; a regression predicts numbers: leave {@option:task=regression} out"),
    "target_not_finite": "a target is NaN, ∞ or larger than float32 can hold",
}

PICTURES = {
    "picture_size": "the picture is {width}×{height}",
    "picture_size_differs": (
        "the picture is {width}×{height}, the run was trained on {wanted_width}×{wanted_height}; send that size, or "
        "add {@http:?fit=true}{@cli:--fit} to have it converted"
    ),
    "picture_32_bit": (
        "the pixels are 32-bit {kind}, and nothing says which value is white; save it with 8 or 16 bits"
    ),
    "picture_too_large": (
        "the picture has {?width:{width}×{height}}{~width:far too many} pixels; at most {limit:,} pixels are read"
    ),
    "picture_takes_too_much_memory": "the picture takes too much memory to decode; save it again",
    "picture_unreadable": "this is no readable picture ({formats:, } are read){?reason:: {reason}}",
}

SPLITS = {
    "no_own_parts": "the dataset has no parts of its own; leave own out",
    "nothing_left_to_train_on": (
        "the test part leaves {rest:,} of {examples:,} examples, and {validation:g} of all are for validation: nothing "
        "is left to train on; use smaller parts"
    ),
    "too_few_for_folds": (
        "{folds} folds need as many examples, one for each; {?stratify:a class has fewer, use fewer folds, or "
        "{@set:split.stratify=false}}{~stratify:use fewer folds}"
    ),
    "split_impossible": (
        "{examples} examples cannot be split so: {reason}; use other fractions or counts, or "
        "{@set:split.stratify=false} if a class is too small"
    ),
    "no_training_examples": "no example is left to train on; use smaller parts",
}

IMPORTS = {
    "import_cancelled": "it was cancelled",
    "import_files_away": (
        "its files cannot be written or read: {reason}; check the disk or the object store, then send it again"
    ),
    "import_out_of_memory": ("reading it takes over {limit:,} MB of memory; send less of it, or another format"),
    "import_broke_down": "the import broke down: {kind}: {reason}",
}

DATASETS = ARCHIVES | FORMATS | TABLES | ARRAYS | PICTURES | SPLITS | IMPORTS

NOTES = {
    "files_skipped": "{count:,} files could not be read, where fewer than {usual} are usual; `skipped` says why",
    "rows_left_out": "{count:,} of {rows:,} rows are left out; `skipped` says why",
    "encoding_guessed": (
        "the table is not in UTF-8 and was read as Windows-1252; if letters look wrong, add {@option:encoding=cp1251} "
        "(Russian), {@option:encoding=cp1250} (Polish, Czech) or whichever it is, or save it as UTF-8"
    ),
    "rows_merged": (
        "lines {first:,} to {last:,} are one row, since a quoted value spans them, and look like rows themselves; if "
        "they are, a quote is stray"
    ),
    "values_merge_as_float32": (
        "{values:,} different values of the target{?target: {target!r}} are {stored:,} as float32, which keeps some 7 "
        "digits; subtract what all have in common"
    ),
    "maybe_classes": (
        "the target{?target: {target!r}} has {values} different whole numbers; if they are classes, import it with "
        "{@option:task=classification}"
    ),
    "rare_classes": (
        "of the {classes:,} classes of the target {target!r}, {alone:,} have one example; if it is a number, write it "
        "without signs and separators"
    ),
    "maybe_numbers": (
        "the column {column!r} holds {value!r}, which is read as text; if it is a number, write it without signs and "
        "separators"
    ),
    "decimal_comma": (
        "the column {column!r} holds {value!r}, which is read with a decimal comma; if it separates thousands, write "
        "the numbers without it"
    ),
    "classes_without_examples": "{count} of {classes} classes have no example: {names!r:, }{?more:, …}",
    "classes_alike": "classes differ in case only, or in a way to write one letter: {pairs:; }",
    "examples_in_no_part": (
        "{count:,} of {examples:,} examples are in none of the parts {parts:, }: the parts are ignored, and the test "
        "part is drawn from all examples"
    ),
    "no_training_part": "there are the parts {parts:, } and none to train on: they are ignored",
    "validation_is_test": (
        "there is no test part: validation becomes it, and a new validation part is drawn from training"
    ),
    "classes_not_trained": (
        "the training part has no example of {names!r:, }{?more:, …}: a network cannot learn a class it never sees"
    ),
    "arrays_not_read": "the .npz holds more arrays, which are not read: {names:, }{?more:, …}",
}
