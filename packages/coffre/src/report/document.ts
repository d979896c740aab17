/** A report as headings, sentences and tables: what every format shows, each in its own way. */

export type Cell = string;
export type Column = { readonly title: string; readonly align: 'left' | 'right' };

export type ReportTable = {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
};

/** Bars over time; the table beside it has the same numbers. */
export type ReportChart = {
  readonly title: string;
  /** `value` is for the height, `text` for people. */
  readonly bars: readonly { readonly label: string; readonly value: number; readonly text: string }[];
};

export type ReportSection = {
  readonly id: string;
  readonly heading: string;
  readonly lines: readonly string[];
  readonly table?: ReportTable;
  readonly charts?: readonly ReportChart[];
};

export type ReportDocument = {
  readonly language: 'en' | 'fr';
  readonly title: string;
  readonly subtitle: string;
  /** The verdict in one sentence, and how bad it is. */
  readonly sentence: string;
  readonly level: 'ok' | 'unknown' | 'warning' | 'critical';
  /** What the level is called, and what stands after it. */
  readonly levelWord: string;
  readonly colon: string;
  /** The numbers that are asked for first. */
  readonly figures: readonly { readonly label: string; readonly value: string }[];
  readonly sections: readonly ReportSection[];
  readonly footer: string;
};
