/** Reads the texts of a column of Parquet tables, page by page. */
@NullMarked
package dev.hydra.data.parquet;

import org.jspecify.annotations.NullMarked;
