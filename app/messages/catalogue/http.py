"""Refusals of single routes, and of HTTP requests as such."""

PROTOCOL = {
    "not_found": "this address does not exist; /docs lists all addresses",
    "method_not_allowed": "{method} is not allowed at this address; it takes {methods:, }",
    "bad_request": "{reason}",
    "body_too_large": "the body is over {limit:,} bytes",
    "headers_too_large": "the request line and the headers are over {limit:,} bytes together",
    "headers_too_slow": "the headers were not complete after {seconds:g} s; send the request again",
    "body_too_slow": "less than {limit:,} bytes of the body arrived within {seconds:g} s; send it faster",
    "too_many_requests": (
        "{limit:,} requests of this address are in progress, and no more are allowed at once "
        "(ANTIGRAD_CONNECTIONS_PER_PEER); wait until one of them has ended"
    ),
    "predictions_wait": (
        "the network has {seconds:,} s of predictions to make before it could begin with this one; send it again then"
    ),
    "deadline_exceeded": (
        "the answer was not ready within {milliseconds:,} ms (X-Timeout-Ms), and nothing more is computed for it; "
        "allow more time, or send fewer inputs at once"
    ),
    "timeout_malformed": "{given!r} is no number of milliseconds; send a whole number from 1 to {limit:,}",
    "not_json": "the Content-Type is {type}, but this address reads JSON: add -H 'Content-Type: application/json'",
    "form_in_place_of_json": (
        "the body is a form, but this address reads JSON: send it with curl -d '{{…}}' in place of -F, and "
        "-H 'Content-Type: application/json'"
    ),
    "body_not_utf8": (
        "the body is not UTF-8: the byte {byte} in place {place:,}, in line {line:,}{?after: after {after!r}}, is part "
        "of no character; send JSON as UTF-8"
    ),
    "content_encoding": (
        "the body is compressed (Content-Encoding: {encoding}), and the service unpacks none; send it as it is and "
        "leave the header out"
    ),
    "address_with_nul": "the address contains a NUL character (%00), which is not allowed; leave it out",
    "api_key_wrong": (
        "the request has no key, or one that is wrong, revoked or expired; "
        "{@http:send a valid one in the header Authorization: Bearer <key>}{@cli:set ANTIGRAD_API_KEY to a valid one}"
    ),
    "key_lacks_scope": "this needs a key with the scope {scope}; this key has {scopes:, }{~scopes:none}",
    "not_owner": "this is common to all keys, so only an admin changes it; make one of your own",
    "no_such_share": "no link has the id {share!r}; {@shares:} lists those that have not expired",
    "no_such_key": "no key has the id {key!r}; antigrad keys list shows them",
    "host_not_one": "a request names one host in the header Host; this one has {count}",
    "host_unknown": (
        "the service does not answer under the name {host!r}; use localhost, or start it with ANTIGRAD_HOSTS={host}"
    ),
    "origin_not_allowed": (
        "a web page from {origin!r} sent this request; to allow it, start the service with ANTIGRAD_ORIGINS={origin}"
    ),
    "request_cross_site": (
        "a web page of another site sent this request, without its origin; to allow it, start the service with the "
        "page's origin in ANTIGRAD_ORIGINS and send the request with fetch()"
    ),
    "limit_runs": (
        "an owner may have {limit:,} runs and batches at once that have not ended; it has {count:,}, and this asks for "
        "{number:,} more: wait until some have ended, or cancel them"
    ),
    "over_limit_runs": (
        "this asks for {number:,} runs at once, and an owner may have {limit:,} that have not ended; ask for fewer"
    ),
    "limit_seconds": "a run of this key may train for {limit:g} seconds; give at most that",
    "limit_steps": "a run of this key may take {limit:,} steps; give at most that",
    "limit_bytes": (
        "an owner may store {limit:,} bytes, and has stored {bytes:,}; delete runs, datasets, batches or "
        "models that log first"
    ),
    "over_limit_bytes": "this takes {number:,} bytes, and an owner may store {limit:,}; send less",
    "limit_predictions": (
        "this key may make {limit:g} predictions in a second, and asks for {number:,} more; wait a moment"
    ),
    "over_limit_predictions": (
        "this key may make {limit:g} predictions in a second, and this has {number:,}; send at most {most:,} at a time"
    ),
    "limit_priority": "a run of this key may have the priority {limit}; give at most that",
    "internal_error": "internal error; see the service log",
    "files_away": "the files cannot be read or written now: {reason}; try again in a moment",
    "file_outside_of_store": (
        "the database names the file {file!r}, which is outside of the file store; restore a backup that you trust"
    ),
    "database_away": "the database does not answer; nothing was changed, try again in a moment",
    "database_replaced": (
        "the file of the database was removed or replaced while the service was running; restart the service"
    ),
    "not_ready": "the service is not ready; a request with a key learns why",
    "schema_outdated": "the schema of the database is outdated; run: antigrad migrate",
    "database_unready": "the database does not answer: {reason}",
    "storage_unready": "the file storage cannot be written to: {reason}",
    "no_such_parameter": (
        "there is no such parameter; this address has {parameters:, }{~parameters:none}{?near:; did you mean {near!r}?}"
    ),
    "parameter_repeated": "this parameter is given {count} times, but it takes one value; leave the others out",
    "invalid_fields": "several fields are wrong: {pointers:, }",
}

UPLOADS = {
    "form_without_boundary": (
        "the Content-Type multipart/form-data lacks the boundary between the parts; leave the header out: your client "
        "writes it by itself"
    ),
    "form_unreadable": (
        "the parts of the form cannot be told apart: {reason}; leave the header Content-Type out: your client writes "
        "it with the boundary that it uses"
    ),
    "too_many_files": "the form has over {limit} files; send at most {limit} in one request",
    "form_under_another_type": (
        "the body is a form, but its Content-Type is {type}; leave the header out: your client writes it by itself"
    ),
    "upload_without_line_breaks": (
        "the upload has no line break; curl -d removes them: use --data-binary in place of -d, or -F file=@FILE"
    ),
    "part_is_text": (
        "the part {part} holds text, not a file; put an @ before the file's name: curl -F {part}=@{example}"
    ),
    "part_missing": (
        "the part {part} is missing, there is {sent!r:, }{~sent:none}; send it: curl -F {part}=@{example}"
    ),
    "catalogue_says_how": (
        "{@option:catalogue={catalogue}} already defines how its files are read; leave {@option:{option}=} out"
    ),
    "upload_not_stored": "the upload cannot be stored: {reason}; nothing was changed",
    "upload_cut_off": "the upload was cut off; send it again",
    "name_like_id": "a name must not begin with {prefix!r}, as ids do; choose another one",
    "name_reserved": "a dataset cannot be called {name!r}; choose another name",
    "catalogue_parts_differ": (
        "{catalogue} consists of the parts {wanted:, }, but {sent:, } was sent; send exactly those, or "
        "{@http:leave catalogue= out to make your own dataset}{@cli:choose another name}"
    ),
    "catalogue_file_differs": (
        "{file} has the SHA-256 {sha256}, but the catalogue has {wanted}: it is damaged, or another file; "
        "{@http:leave catalogue= out to make your own dataset}{@cli:choose another name}"
    ),
    "upload_empty": (
        "{part} is empty{@http:; send a file with curl --data-binary @letters.zip or -F file=@letters.zip}"
    ),
    "unknown_part": (
        "no part is called {part}; there are {parts:, }. Import options belong in the query: ?name=letters&target=price"
    ),
    "part_sent_twice": "the part {part} is sent twice; send it once",
    "file_and_parts": "send one file or the parts {parts:, }, not both",
    "shape_malformed": ("a shape is channels (1 or 3), height and width (at most {limit}), such as 1,28,28 or 3,32,32"),
    "column_typed_twice": "the column {column!r} is given two types; give one",
    "type_malformed": "{given!r} is not column:type, such as zip_code:category; the types are {types:, }",
    "level_is_zero": "levels of folders are counted from 1, the outermost, or from -1, the one that holds the pictures",
    "class_names_repeat": "each class needs its own name, such as A,B,C",
    "not_in_catalogue": (
        "the catalogue has no dataset {name!r}{?near:; did you mean {near!r}?}; {@catalogue:} lists them"
    ),
    "import_has_ended": "the dataset {dataset!r} is already {status}",
}

VIEWS = {
    "run_of_other_dataset": "the run {run} is trained on {learns_from!r}, not on {dataset!r}",
    "no_such_picture": "there are {pictures} pictures; index goes from 0 to {last}",
    "regression_without_classes": "this dataset has numbers to predict and no classes, so no label of it can be wrong",
    "table_without_pictures": "this dataset is a table; it has no pictures",
    "no_such_class": "no class is called {label!r}; there are {classes:, }{~classes:none in this dataset}",
    "no_such_preset": "no preset is called {preset!r}; there are {presets:, }{?near:; did you mean {near!r}?}",
    "no_such_experiment": (
        "no experiment is called {experiment!r}{?near:; did you mean {near!r}?}; {@experiments:} lists them"
    ),
    "no_such_series": (
        "no series is called {series!r}{?near:; did you mean {near!r}?}; there are {?many:{count:,}: }{names:, }"
        "{?more:, …}{?many:; {@diagnostics:{run}} has those of the layers}"
    ),
    "event_id_unknown": "Last-Event-ID is not from this stream; leave it out to start at the beginning",
    "runs_of_stream": (
        "runs is newest, or a list of at most {most} ids, separated by commas, each alone or with a position, as in "
        "run_a@600.550"
    ),
    "runs_repeat": "a run is named twice; a stream sends the events of each run once",
    "filter_missing": (
        "give a filter: tag=key:value, status=, dataset=, owner=, name= or older=; without one this would apply to "
        "every run"
    ),
    "no_curves": "none of these runs has a curve yet; {@runs:} lists them",
    "part_without_examples": "the run's {part} part has no examples to evaluate; only {filled: and } can be evaluated",
    "not_evaluated": "the run {phrase}; its evaluation exists once it has succeeded",
    "no_weights": "the run {phrase}; its weights exist once it has succeeded",
    "filters_are_no_pictures": "the first layer does not look at the pixels of a picture, so its weights are none",
    "part_takes_long": (
        "predicting the {examples:,} examples of the {part} part takes this network too long for one answer; "
        "POST /batches predicts them in the background"
    ),
}

PREDICTIONS = {
    "nothing_to_predict_with": "no run has succeeded yet; {@train:} queues one",
    "run_cannot_predict": "the run {phrase}; it can predict once it has succeeded",
    "outputs_not_finite": (
        "the outputs of the network are NaN or ∞: its training has diverged; train again with a smaller lr"
    ),
    "rows_expected": (
        'this run predicts from rows{@http:: send JSON {{"instances": [[…]]}} with -H \'Content-Type: '
        "application/json'}{@cli:, not from pictures; give a .csv file or an .npz}"
    ),
    "content_type_unknown": (
        "the Content-Type is {type}; for a picture as the raw body add -H 'Content-Type: image/png', for numbers add "
        "-H 'Content-Type: application/json', for rows text/csv, for .npy, .npz, safetensors or a zip of pictures "
        "application/octet-stream{?curl:; send a file with --data-binary, since -d removes its line breaks}"
    ),
    "body_empty": "the body is empty; send the content of a file{@http:, with curl --data-binary @FILE}",
    "file_not_as_declared": (
        "the Content-Type is {type}, but the body does not begin like an {ending} file; send the whole file, or name "
        "the type that it has"
    ),
    "too_many_to_compare": "{count} runs are given, and at most {limit} are compared at once; leave some out",
    "too_many_to_explain": "there are {count:,} inputs, and at most {limit} are explained at once; send fewer",
    "one_picture_drawn": (
        "a drawing shows one picture, and there are {count:,} inputs; send one picture, or leave Accept: image/png out "
        "for the numbers"
    ),
    "no_such_batch": "there is no batch {batch!r}; {@batches:} lists them",
    "batch_not_done": "the batch is {status}; it has a result once it has succeeded",
    "batch_source": (
        "{@http:give the dataset as JSON, or send a file of inputs, and not both}"
        "{@cli:give a dataset's name, or a file with arrays, with rows, or with pictures as .zip}"
    ),
    "batch_shape_differs": (
        "the inputs of {dataset!r} have the shape {shape:, }, but the run takes {wanted:, }; choose a dataset like the "
        "run's own"
    ),
    "batch_task_differs": (
        "the dataset {dataset!r} is for {task}, but the run is for {wanted}; choose a dataset like the run's own"
    ),
    "batch_columns_differ": (
        "the columns of {dataset!r} are not those of the run: {?missing:it lacks {missing:, }}{?unknown:, it has "
        "{unknown:, } besides}{?same:they come in another order}; choose a dataset like the run's own, or send the "
        "rows as CSV"
    ),
    "batch_classes_differ": (
        "the dataset {dataset!r} has the classes {unknown:, }, which the run does not know; it knows {wanted:, }; "
        "choose a dataset like the run's own"
    ),
    "batch_dataset_gone": "the dataset {dataset!r} has been deleted",
    "batch_run_gone": "the run {run} has been deleted; start the batch with another run",
    "batch_input_refused": "{input}: {reason}",
    "batch_files_away": "the files could not be read or written: {reason}; start the batch again",
    "batch_broke_down": "the predictions broke down with {kind}: {reason}",
    "pictures_expected": (
        "this run predicts from pictures, not from the rows of a table; send pictures, a .zip of them, or an array"
    ),
    "rows_expected_in_file": (
        "this run predicts from rows, and the file is an archive; send the rows as CSV, or as an array (.npy, .npz)"
    ),
    "archive_without_pictures": "the archive has no files; put pictures into it",
    "unpacked_too_large": "the file has over {limit:,} bytes when unpacked; send it in several parts",
    "row_unreadable": "{row} {reason}",
    "inputs_not_named": (
        "the file has several arrays, {arrays:, }, and none is called {names:, }; name the inputs so, or send one array"
    ),
    "array_shape_differs": (
        "the array has the shape {shape:, }; the run takes N inputs of {wanted:, }, or of {size} numbers each"
    ),
    "border_unknown": (
        "these weights do not record how bright the training pictures were; "
        "{@http:give invert=true or false}{@cli:leave --invert out}"
    ),
    "pictures_take_too_long": "the pictures take over {seconds:g} s to decode; send fewer or smaller ones at a time",
    "too_busy": "the service has too much of this work to do now; try again in a moment",
    "pictures_too_large": "the pictures have {pixels:,} pixels together; send at most {limit:,} per request",
    "instances_not_json": "the body is not JSON: {reason}",
    "instances_missing": 'the body must be {{"instances": [[…], …]}}',
    "instance_count": "there are {count:,} instances; give 1 to {limit:,}",
    "instance_not_finite": "contains NaN, ∞ or a number beyond float32; give finite numbers",
    "no_such_instance_column": (
        "there is no such column; give a value for each of {columns:, }{?near:; did you mean {near!r}?}"
    ),
    "instance_columns_missing": "lacks {missing:, }; give a value for each of {columns:, }",
    "instance_value_not_number": "is {kind}; give a number",
    "instance_value_not_date": "is {value}; give a date such as {example}",
    "instance_value_not_category": "is {value}; give one of {categories:, }, or null",
    "instance_not_list": ("is {kind}; give {size} numbers in a list{?nested:, flat or nested as [{nested:, }]}"),
    "instance_depth": (
        "is nested {depth} deep; give {size} numbers in a list{?nested:, flat or nested as [{nested:, }]}"
    ),
    "instance_length": (
        "has {count} {what}, not {wanted}; give {size} numbers in a list{?nested:, flat or nested as [{nested:, }]}"
    ),
    "instance_item_not_number": (
        "is {kind}, not a number; give {size} numbers in a list{?nested:, flat or nested as [{nested:, }]}"
    ),
}

HTTP = PROTOCOL | UPLOADS | VIEWS | PREDICTIONS
