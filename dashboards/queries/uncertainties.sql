-- One row is a component of the error of a figure. Grain: component.
select * from uncertainties order by component
