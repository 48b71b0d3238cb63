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
    "zip_entries_overlap": (
        "two entries of the zip share bytes, as in a decompression bomb, or its list of members is damaged; pack the "
        "files again"
    ),
    "tar_header_too_large": "the tar archive has a name or header of over {limit:,} bytes",
    "tar_damaged": "the tar archive is damaged: a header cannot be read; send it again",
    "tar_cut_off": "the tar archive is cut off: its end mark is missing; send it again",
    "tar_sparse": "the tar archive holds sparse files; pack it without --sparse",
    "upload_too_large": "the unpacked upload is over {limit:,} bytes; leave some out",
    "file_damaged": "the file is damaged or cut off ({reason}); send it again",
    "too_few_classes": (
        "{?only:only the folder {only!r} has}{~only:no folder of a class has} readable pictures; a dataset needs at "
        "least two classes, each with its folder, such as letters/A/1.png and letters/B/1.png"
        "{?levels:. If the classes are another level of the folders, name it: {levels:; }}"
        "{?skipped:. {skipped:,} {skipped_what} skipped; {file}: {reason}}"
    ),
    "level_of_folders": "{@option:classes_from={level}} takes {names:, }{?more:, …}",
    "name_not_in_encoding": (
        "the name {name!r} in the archive is not text in the encoding {encoding}; name another encoding"
    ),
    "too_many_classes": "there are {classes:,} folders with pictures; a dataset has at most {limit:,} classes",
    "decoder_crashes": (
        "over {limit} pictures crashed their decoder, or took too much time or memory; save the pictures again"
    ),
}

FORMATS = {
    "other_format": "this is {what}; {advice}",
    "unknown_format": (
        "this format is unknown; send {formats}"
        "{?maybe_text:; if it is a table in UTF-16 without a byte order mark, add {@option:encoding=utf-16-le} or "
        "{@option:encoding=utf-16-be}}"
    ),
    "options_do_not_apply": "this is {format}, which takes {takes:, }; leave out {not_taken:, }",
    "option": "{@option:{name}=}",
    "unknown_encoding": (
        "the character encoding {encoding!r} is not supported; usual ones are utf-8, utf-16-le, cp1250 (Polish), "
        "cp1251 (Russian), cp1252 (German), gb18030 (Chinese), cp932 (Japanese)"
    ),
    "download_failed": ("{file} cannot be downloaded: {reasons:; }. {by_hand}"),
    "fetch_by_hand": (
        "Download {files:, } elsewhere (see {source}) and import from disk: "
        "antigrad datasets add {name} {files: }"
        "{@http:, or: curl -F {parts: -F } 'localhost:8000/datasets?name={name}&catalogue={name}'}"
    ),
    "not_california": "the archive does not hold {table}; it is not the California housing archive",
    "california_damaged": "{table} is not a table with nine columns of numbers: {reason}",
}

TABLES = {
    "target_not_named": ("name the column to predict with {@option:target=}; the columns are {names:, }{?more:, …}"),
    "text_without_target": (
        "this is not an archive; send {formats}. If it is a table with the columns {names:, }{?more:, …}, name the one "
        "to predict with {@option:target=}"
    ),
    "no_such_column": (
        "{@option:target=} names the column {target!r}, which does not exist; the columns are {names:, }{?more:, …}"
    ),
    "table_in_guessed_encoding": (
        "{reason}; the table is not in UTF-8 and was read as Windows-1252: name its encoding, such as "
        "{@option:encoding=cp1251} (Russian) or {@option:encoding=cp1250} (Polish, Czech), or save it as UTF-8"
    ),
    "header_not_recognised": (
        "{reason}. The first line looks like the rows below it, so it is read as a row: if it names the columns, add "
        "{@option:header=yes}"
    ),
    "first_line_differs": (
        "{reason}. The first line has {values:,} value{?several:s}, the lines below it have {below:,}: if it is not "
        "part of the table, add {@option:skip=1}"
    ),
    "table_is_binary": "this is neither an archive nor a readable table; the documentation lists the formats",
    "table_empty": "the table is empty; its first line must have the names of the columns",
    "table_without_rows": "the table has only a header; add rows",
    "table_without_inputs": "the table has only the column {target!r}; add columns to predict it from",
    "too_many_columns": "the table has {columns:,} columns; it must have {least:,} to {limit:,}",
    "too_many_rows": "the table has over {limit:,} rows; leave some out",
    "too_many_lines": "the table has over {limit:,} lines; leave some out",
    "table_too_large": (
        "the table would have {columns:,} columns, one for each value of a category, and {rows:,} rows; at most "
        "{most_columns:,} columns and {most_bytes:,} bytes are allowed: ignore some columns with {@option:types=}"
    ),
    "duplicate_column": (
        "two columns are called {column!r}; give each its own name in the first line, or, if that is a row, add "
        "{@option:header=no}"
    ),
    "no_such_place": "{@option:target={place}} is the place of no column; the table has {columns:,} columns",
    "column_not_dates": (
        "the column {column!r} cannot be a date: not all its values are dates of one form, such as 2026-12-31 or "
        "31.12.2026"
    ),
    "pixel_columns_differ": (
        "the table has {columns:,} columns beside the target, but pictures of the shape {shape:×} have {pixels:,} "
        "pixels; correct {@option:shape=}{~arrays:, or leave columns out with {@option:types=}}"
    ),
    "pixel_column_wrong": (
        "the column {column!r} holds {value}, but a pixel is a whole number from 0 to 255; leave {@option:shape=} out, "
        "or the column with {@option:types={column}:ignore}"
    ),
    "column_not_read": (
        "the column {column!r} cannot be a {kind}: it holds {holds}, which are not read; write them as numbers or "
        "texts, or leave its type out"
    ),
    "column_not_numeric": (
        "the column {column!r} cannot be a number: it holds {value!r} in {place}; leave its type out, or correct "
        "the value"
    ),
    "column_has_too_many_categories": (
        "the column {column!r} cannot be a category: it has over {limit} different values, the limit of an input"
    ),
    "typed_column_missing": "{@option:types=} names a column {column!r}, which does not exist",
    "target_typed": (
        "{@option:types=} names the target {column!r}; use {@option:task=classification} or "
        "{@option:task=regression} instead"
    ),
    "no_inputs_left": "no column is left to predict from: {reasons:, }{?more:, …}",
    "column_unusable": "{column!r}: {reason}",
    "column_ignored": "{column!r}: {@option:types=} ignores it",
    "all_inputs_ignored": ("no column is left to predict from: {@option:types=} ignores them all; keep at least one"),
    "line_unreadable": (
        "line {line:,} cannot be read: {reason}; if a quote is open, close it, or double it if it is part of a value"
    ),
    "row_over_several_lines": (
        "the row in lines {line:,} to {last:,} has {values:,} value{?several:s}, but the header has {columns:,}; if a "
        "quote is open, close it, or double it if it is part of a value"
    ),
    "row_too_long": (
        "the row in line {line:,} has over {limit:,} characters; if a quote is open, close it, or double it if it is "
        "part of a value"
    ),
    "line_with_nul": "line {line:,} contains a NUL character, which is not allowed in text; save the table again",
    "not_text": (
        "the table is not text {?line:after line {line:,}}{~line:at its beginning} ({reason}); save it as UTF-8, or "
        "name its encoding with {@option:encoding=}"
    ),
    "no_row_read": (
        "no row of the table can be read: {?several:all {rows:,} rows are}{~several:the only row is} left out; {file} "
        "{reason}"
    ),
    "target_not_read": ("the target {target!r} holds {holds}, which are not read; choose a column of numbers or texts"),
    "target_missing": (
        "the target {target!r} is missing in every row{?skipped:. {skipped:,} {skipped_what} skipped; {file}: {reason}}"
    ),
    "target_not_numeric": (
        "a regression predicts numbers, but the target {target!r} holds {value!r} in {place}; leave "
        "{@option:task=regression} out for a classification"
    ),
    "target_constant": "the target{?target: {target!r}} is {value!r} in every row: there is nothing to predict",
    "target_constant_as_float32": (
        "the target{?target: {target!r}} ranges from {least} to {greatest}, which are equal as float32, the type it is "
        "stored in; subtract what all values have in common, or scale them"
    ),
    "target_has_too_many_classes": (
        "the target {target!r} has over {limit:,} different values, the limit of a classification"
        "{?value:; if they are numbers, write them without signs and separators, unlike {value!r} in {place}}"
    ),
    "parquet_damaged": "the Parquet file is damaged or cut off ({reason}); send it again",
    "parquet_compressed": "the Parquet file is packed in another compressed file; send the Parquet file itself",
}

ARRAYS = {
    "labels_out_of_range": "the labels range from {least:,} to {most:,}; they must be between 0 and {limit}",
    "label_without_name": (
        "there is a label {label}, but {@option:classes=} names {classes} classes, 0 to {last}; name every class"
    ),
    "one_class": "every label is {label}; a classification needs at least two classes",
    "picture_shape_unsupported": (
        "the pictures have {channels} channels and {height}×{width} pixels; a picture must have 1 or 3 channels and at "
        "most {limit}×{limit} pixels"
    ),
    "picture_shape_differs": (
        "the pictures are {shape:×}, but {@option:shape=} says {wanted:×}; pictures stored as numbers keep their size: "
        "leave {@option:shape=} out, or send picture files to have them resized"
    ),
    "idx_without_partner": (
        "this is a single IDX file; send pictures and labels together"
        "{@http:: -F images=@FILE -F labels=@FILE}{@cli:: antigrad datasets add NAME IMAGES LABELS}"
    ),
    "idx_part_missing": ("{sent:, } came without {missing}; send both{@http:, as multipart: -F {missing}=@FILE}"),
    "idx_parts_differ": "the pictures in {part} are {shape:×}, the others {wanted:×}",
    "idx_counts_differ": "{images} holds {pictures:,} pictures, but {labels} holds {count:,} labels",
    "idx_empty": "the IDX files hold no picture; send images and labels{@http:, as multipart}",
    "idx_size_wrong": "the IDX header declares the shape ({shape:, }), but the file holds {bytes:,} bytes",
    "idx_no_magic": "this is not an IDX file of unsigned bytes: that would begin with 00 00 08",
    "idx_header_cut_off": "the IDX file ends within its header; send it again",
    "idx_dimensions_wrong": "{part} has {dimensions} dimensions; pictures must have 3, labels 1",
    "idx_cut_off": "the header of {part} declares {promised:,} {what}, but the file holds {held:,}",
    "idx_too_long": "the header of {part} declares {promised:,} {what}, but the file holds more",
    "idx_too_many_labels": "the header of {part} declares {promised:,} labels; at most {limit:,} are allowed",
    "pictures_have_classes": ("{@option:task=regression} is for tables: pictures have classes; leave it out"),
    "feature_names_differ": "feature_names has {names} names, but there are {columns} columns",
    "too_many_names": "{array} holds {names:,} names; at most {limit:,} are allowed",
    "text_damaged": "a text in it is damaged ({reason}); send it again",
    "parts_wrong": "parts must hold 0 (training), 1 (validation) or 2 (test) for each example",
    "array_cut_off": "{file} is cut off: it lacks {bytes:,} bytes that its header declares",
    "member_unreadable": "{file} {reason}",
    "member_damaged": "{file} is damaged in the archive ({reason}); send it again",
    "array_unreadable": "the array {array} cannot be read: {reason}",
    "array_of_objects": "{array} holds Python objects, which are never loaded; save it as numbers",
    "array_type_unsupported": "{array} has the type {type}; only numbers and short texts are read",
    "array_shape_impossible": (
        "the header of {array} declares the shape {shape}, which no array of a dataset can have"
    ),
    "array_without_partner": "the .npz holds {array} without {missing}; a dataset needs both",
    "arrays_unknown": "the .npz holds the arrays {names:, }{?more:, …}{~names:none}; a dataset needs {wanted}",
    "array_shapes_differ": (
        "the inputs have the shape ({inputs:, }), the targets ({targets:, }); give (N, …) and (N,)"
    ),
    "too_many_examples": "there are {examples:,} examples; at most {limit:,} are allowed",
    "part_shapes_differ": "the parts differ in shape: {shapes:, }",
    "inputs_unsupported": (
        "the inputs have the type {type} and the shape ({shape:, }); pictures are uint8 from 0 to 255, (N, H, W), "
        "(N, C, H, W) or (N, H, W, 3); a table is (N, D)"
    ),
    "inputs_are_no_pixels": (
        "the inputs hold {value}, but with {@option:shape=} each is a pixel, a whole number from 0 to 255; write them "
        "so, or leave {@option:shape=} out"
    ),
    "inputs_are_texts": "the inputs are texts; send a table of texts as CSV",
    "input_not_finite": "an input is ∞, or larger than float32 can hold",
    "class_count_wrong": "the targets have {classes:,} different values; a classification has 2 to {limit:,}",
    "targets_not_whole": (
        "the targets are not whole numbers, as classes must be; leave {@option:task=classification} out"
    ),
    "targets_are_texts": (
        "the targets are texts, but a regression predicts numbers; leave {@option:task=regression} out"
    ),
    "target_not_finite": "a target is NaN, ∞ or larger than float32 can hold",
}

PICTURES = {
    "picture_size": "the picture is {width}×{height}",
    "picture_size_differs": (
        "the picture is {width}×{height}, but the run was trained on {wanted_width}×{wanted_height}; send that size, "
        "or add {@http:?fit=true}{@cli:--fit} to have it converted"
    ),
    "picture_uniform": (
        "the picture at place {place} is of one value everywhere, so the network sees nothing in it; white drawings on "
        "transparency need {@option:background=black}"
    ),
    "nothing_stands_out": (
        "nothing in the picture stands out from its ground; send a photo with more contrast, or leave "
        "{@option:crop=ink} out"
    ),
    "picture_32_bit": (
        "the pixels are 32-bit {kind}, so it is unknown which value is white; save it with 8 or 16 bits"
    ),
    "picture_has_too_many_scans": (
        "the JPEG consists of {scans:,} scans; at most {limit} are read: save the picture again"
    ),
    "picture_decoder_crashed": "its decoder crashed, or took too long or too much memory; save the picture again",
    "picture_too_large": (
        "the picture has {?width:{width}×{height}}{~width:too many} pixels; at most {limit:,} pixels are allowed"
    ),
    "picture_takes_too_much_memory": "the picture takes too much memory to decode; save it again",
    "picture_unreadable": "this is not a readable picture ({formats:, } are supported){?reason:: {reason}}",
}

IMPORTS = {
    "import_cancelled": "the import was cancelled",
    "import_files_away": (
        "the dataset's files cannot be written or read: {reason}; check the disk or the object store, then send the "
        "upload again"
    ),
    "import_out_of_memory": (
        "reading the upload takes over {limit:,} MB of memory; send less of it, or another format"
    ),
    "import_broke_down": "the import broke down: {kind}: {reason}",
}

DATASETS = ARCHIVES | FORMATS | TABLES | ARRAYS | PICTURES | IMPORTS
