"""Remarks of an import: how severe each is, what was noticed, and what to do about it."""

from typing import Literal, NamedTuple, get_args

Severity = Literal["error", "warning", "hint"]  # a training is meaningless; is probably worse; is as it should be
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


class Remark(NamedTuple):
    """Templates of what was noticed and of one change to try, with the same parameters."""

    severity: Severity
    detail: str
    fix: str


FILES = {
    "files_skipped": Remark(
        "warning",
        "{count:,} {#count:file|files} could not be read; fewer than {usual} are usual",
        "read the reasons in `skipped`, and save these files again",
    ),
    "system_files_ignored": Remark(
        "hint",
        "{count:,} hidden {#count:file or file of an operating system is|files and files of operating systems are} "
        "ignored, such as {file}",
        "if they are examples, rename them: no folder or file of a dataset starts with a dot",
    ),
    "names_guessed": Remark(
        "warning",
        "the archive does not say how the letters of its names are encoded, such as in {name!r}",
        "if they look wrong, name the encoding, such as {@option:encoding=cp866} (Russian) or "
        "{@option:encoding=cp932} (Japanese), or pack the files as .tar",
    ),
    "class_in_several_folders": Remark(
        "warning",
        "the class {label!r} joins the pictures of several folders: {names:, }{?more:, …}"
        "{?further:, and {further:,} more classes do so}",
        "{?levels:if the classes are another level of the folders, name it: {levels:; }}"
        "{~levels:if they are different classes, give their folders different names}",
    ),
    "unlabelled_pictures": Remark(
        "warning",
        "{count:,} {#count:picture lies|pictures lie} directly in {folders:, }, not in the folder of a class, and "
        "{#count:is|are} left out",
        "put them into class folders, such as {folder}/A, or ask the trained network for their labels",
    ),
    "classes_within_a_class": Remark(
        "warning",
        "the folder {folder} holds {pictures:,} {#pictures:picture|pictures} and, within it, further folders of "
        "pictures: {names:, }{?more:, …}; each of them is a class of its own{?further:; {further:,} more "
        "folders hold both}",
        "{?levels:if the inner folders are no classes, name the level that is: {levels:; }}"
        "{~levels:move the pictures into the folder of their class}",
    ),
    "classes_at_different_depths": Remark(
        "warning",
        "the folders of the classes lie at different depths, such as {outer} and {inner}",
        "{?levels:if the classes are another level of the folders, name it: {levels:; }}"
        "{~levels:if they are different kinds of classes, leave out one kind}",
    ),
    "classes_called_like_parts": Remark(
        "warning",
        "some classes are called like a part of a dataset or like pictures without labels: {names:, }{?more:, …}",
        "if they are no classes, leave these folders out; parts are called train, validation and test, with a folder "
        "for each class",
    ),
    "classes_alike": Remark(
        "warning",
        "some classes differ only in case, or in how a letter is encoded: {pairs:; }",
        "if they are the same class, give their folders the same name",
    ),
    "pictures_nearly_black": Remark(
        "warning",
        "{~count:the}{?count:{count:,} of {pictures:,}} 16-bit pictures use no value above {greatest:,} of 65,535, so "
        "they are nearly black",
        "if they have {bits} bits, add {@option:depth={bits}}, which makes {most:,} white",
    ),
}

TABLES = {
    "rows_left_out": Remark(
        "warning",
        "{count:,} of {rows:,} rows {#count:is|are} left out",
        "read the reasons in `skipped`, and correct these rows",
    ),
    "rows_without_target": Remark(
        "warning",
        "{count:,} {#count:row is left out, since it has|rows are left out, since they have} no target{?value:, such "
        "as that with {value!r} in {place}}",
        "write the target {target!r} into these rows, or leave them out",
    ),
    "words_read_as_missing": Remark(
        "hint",
        "{count:,} {#count:cell|cells} of the column {column!r} {#count:is read as missing:|are read as missing, such "
        "as} {value!r} in {place}",
        "if it is a category, choose another word for it; if a number is meant, write it",
    ),
    "separator_named": Remark(
        "hint",
        "the first line names the separator, {separator!r}, as some spreadsheets write it, and is skipped",
        "nothing needs to be changed",
    ),
    "encoding_guessed": Remark(
        "warning",
        "the table is not in UTF-8 and was read as Windows-1252",
        "if letters look wrong, name its encoding, such as {@option:encoding=cp1251} (Russian) or "
        "{@option:encoding=cp1250} (Polish, Czech), or save it as UTF-8",
    ),
    "rows_merged": Remark(
        "warning",
        "a quoted value joins lines {first:,} to {last:,} into one row, but they look like several rows",
        "if they are several rows, remove the stray quote",
    ),
    "header_missing": Remark(
        "warning",
        "the first line looks like the rows below it, so it is read as a row; the columns are called {names:, }"
        "{?more:, …}",
        "if it is a header, add {@option:header=yes}; otherwise put a line of names first",
    ),
    "header_holds_numbers": Remark(
        "warning",
        "the header names columns with numbers: {names:, }{?more:, …}",
        "if the first line is a row, add {@option:header=no}; if it is something else, add {@option:skip=1}",
    ),
    "header_counts": Remark(
        "hint",
        "the first line counts, {names:, }{?more:, …}, so it is read as the names of the columns",
        "if it is a row, add {@option:header=no}",
    ),
    "name_missing": Remark(
        "hint",
        "the first line has {names:,} {#names:name|names}, and the rows below have one value more: {?last:the last "
        "one, always empty,}{~last:the first one, which names the row,} has no name",
        "if that is wrong, name every column in the first line",
    ),
    "row_index_left_out": Remark(
        "hint",
        "{?column:the column {column!r}}{~column:the column without a name} only numbers the rows and is left out",
        "if it is an input, {?column:add {@option:types={column}:number}}{~column:give it a name}",
    ),
    "maybe_row_index": Remark(
        "hint",
        "the column {column!r} counts the rows from {least} to {greatest}, as years do, and is an input",
        "if it only numbers the rows, add {@option:types={column}:ignore}",
    ),
    "maybe_identifier": Remark(
        "warning",
        "the column {column!r} has a whole number of its own in each of the {rows:,} rows, and is an input",
        "if it only names the rows, add {@option:types={column}:ignore}",
    ),
    "row_index_is_input": Remark(
        "warning",
        "the only input{?column:, {column!r},} numbers the rows: it says in which order they were written",
        "add columns that say something about the target",
    ),
    "mostly_unique": Remark(
        "hint",
        "the column {?column:{column!r}}{~column:without a name} is left out: {different:,} of its {values:,} texts "
        "are different, so they tell the rows apart and not the targets",
        "if it is an input, add {@option:types={column}:category}, or write it as numbers",
    ),
    "too_many_texts": Remark(
        "hint",
        "the column {?column:{column!r}}{~column:without a name} is left out: it is text with over {limit} "
        "different values",
        "write it as numbers, or as at most {limit} categories",
    ),
    "dates_become_numbers": Remark(
        "hint",
        "the column {column!r} holds dates, such as {value!r}; each becomes {parts:, }",
        "if they are names, add {@option:types={column}:category}; {@option:types={column}:ignore} leaves them out",
    ),
    "date_order_guessed": Remark(
        "warning",
        "the dates of the column {column!r}, such as {value!r}, could begin with the day or with the month; they are "
        "read as {order}",
        "write dates as 2026-12-31",
    ),
    "nearly_all_numbers": Remark(
        "warning",
        "the column {column!r} holds {numbers:,} numbers, but also {value!r} in {place}, so all are read as texts",
        "leave the cell empty if the number is missing, or correct it",
    ),
    "nearly_all_dates": Remark(
        "warning",
        "the column {column!r} holds {dates:,} dates, but also {value!r} in {place}, so it is not read as dates",
        "leave the cell empty if the date is missing, or write it like {example}",
    ),
    "texts_among_numbers": Remark(
        "warning",
        "the column {column!r} holds {numbers:,} numbers and, between them, {texts:,} {#texts:text|texts}: {names!r:, }"
        "{?more:, …}; so all are read as texts",
        "leave these cells empty if their numbers are missing, or correct them",
    ),
    "maybe_numbers": Remark(
        "warning",
        "the column {column!r} holds {value!r}, which is read as text",
        "if it is a number, write it without signs and separators",
    ),
    "decimal_comma": Remark(
        "warning",
        "the column {column!r} holds {value!r}, which is read with a decimal comma",
        "if the comma separates thousands, leave it out",
    ),
    "decimal_point": Remark(
        "warning",
        "the column {column!r} holds {value!r}, which is read with a decimal point",
        "if the point separates thousands, leave it out",
    ),
    "points_separate_thousands": Remark(
        "hint",
        "the column {column!r} holds {value!r}, which is read as {number}: its points separate thousands",
        "if they are decimal points, write all numbers of the table with decimal points",
    ),
    "maybe_pictures": Remark(
        "hint",
        "the {columns:,} input columns hold whole numbers from 0 to 255, like the pixels of {side}×{side} pictures",
        "if they are pixels, add {@option:shape=1,{side},{side}}",
    ),
    "pixels_use_few_values": Remark(
        "warning",
        "no pixel is above {greatest} of 255, so the pictures are nearly black",
        "multiply the pixels so that white is 255",
    ),
    "values_merge_as_float32": Remark(
        "warning",
        "the target{?target: {target!r}} has {values:,} different values, but only {stored:,} as float32, which keeps "
        "about 7 digits",
        "subtract what all values have in common",
    ),
    "maybe_classes": Remark(
        "warning",
        "the target{?target: {target!r}} has {values} different whole numbers and is read as numbers",
        "if they are classes, import it again with {@option:task=classification}",
    ),
    "numbers_read_as_classes": Remark(
        "hint",
        "the target {target!r} numbers {values} classes from {least}, so this is a classification",
        "if its numbers are amounts, import it again with {@option:task=regression}",
    ),
    "rare_classes": Remark(
        "warning",
        "{alone:,} of the {classes:,} classes of the target {target!r} {#alone:has|have} only one example",
        "if they are numbers, write them without signs and separators",
    ),
}

EXAMPLES = {
    "pictures_of_one_value": Remark(
        "error",
        "{?all:all pictures are}{~all:{count:,} of {examples:,} pictures {#count:is|are}} of one value "
        "everywhere: there is nothing to see in them",
        "if they are white drawings on transparency, add {@option:background=black}; otherwise draw them again",
    ),
    "classes_of_blank_pictures": Remark(
        "warning",
        "{count:,} of {classes:,} classes {#count:has|have} mostly pictures of one value everywhere: {names:, }"
        "{?more:, …}",
        "if they are white drawings on transparency, add {@option:background=black}; otherwise draw them again",
    ),
    "inputs_are_equal": Remark(
        "error",
        "all inputs are equal, so nothing can be told apart",
        "check how the data was written",
    ),
    "copies_across_parts": Remark(
        "error",
        "{count:,} of {examples:,} test examples {#count:is an exact copy|are exact copies} of training examples, so "
        "the test score is too good",
        "remove them from one of the parts",
    ),
    "copies_in_validation": Remark(
        "warning",
        "{count:,} of {examples:,} validation examples {#count:is an exact copy|are exact copies} of {?test:test}"
        "{~test:training} examples, so {?test:the choice of the best epoch has seen them}{~test:the validation score "
        "is too good}",
        "remove them from one of the parts",
    ),
    "classes_too_small": Remark(
        "warning",
        "{count:,} of {classes:,} classes {#count:has|have} fewer than {least} examples: {names:, }{?more:, …}; a "
        "class of one example is only trained on, and tested on never",
        "add examples to these classes, or leave them out",
    ),
    "classes_without_examples": Remark(
        "warning",
        "{count} of {classes} classes {#count:has|have} no example: {names!r:, }{?more:, …}",
        "number the classes without gaps, or name only those that occur",
    ),
    "examples_in_no_part": Remark(
        "warning",
        "{count:,} of {examples:,} examples {#count:is|are} in none of the parts {parts:, }: the parts are ignored, "
        "and the test part is drawn from all examples",
        "put every example into a part",
    ),
    "no_training_part": Remark(
        "warning",
        "there is no training part, only {parts: and }: the parts are ignored",
        "call the training part train",
    ),
    "validation_is_test": Remark(
        "hint",
        "there is no test part: the validation part is used for the test, and a new validation part is drawn from the "
        "training part",
        "if you have test examples, add them as a part called test",
    ),
    "classes_not_trained": Remark(
        "error",
        "the training part has no example of {names!r:, }{?more:, …}: a network cannot learn a class it never sees",
        "add examples of these classes to the training part",
    ),
    "further_remarks": Remark(
        "hint",
        "{count:,} more {#count:remark is|remarks are} like these; at most {most} of a kind are shown",
        "correct the data, and send it again",
    ),
    "arrays_not_read": Remark(
        "hint",
        "the .npz holds further arrays, which are ignored: {names:, }{?more:, …}",
        "if they are inputs, put them into the array of the inputs",
    ),
}

REMARKS: dict[str, Remark] = FILES | TABLES | EXAMPLES
NOTES = {code: remark.detail for code, remark in REMARKS.items()}
